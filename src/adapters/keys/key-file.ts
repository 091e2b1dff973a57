// Files of keys: 32 bytes each as base64, one per line or with commas between, the current one first. Nobody but the
// owner may read them.
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { TocsinError } from '../../domain/core/errors.ts';
import { makePrivateFolder } from '../sqlite/private-file.ts';
import { dirname } from 'node:path';

/** What the keys are for: the beginning of error codes, and what to do when others may have read them. */
export type KeyPurpose = { readonly code: string; readonly whenOpen: string };

/**
 * The keys of a text.
 *
 * @throws TocsinError `usage` (`…_invalid`) for other text, which is never quoted
 */
export function parseKeys(text: string, { code }: KeyPurpose): readonly [Buffer, ...Buffer[]] {
  const keyOf = (encoded: string): Buffer => {
    const bytes = Buffer.from(encoded, 'base64');
    if (bytes.length !== 32) throw badKey(code, 'a key is not 32 bytes in base64');
    return bytes;
  };
  const parts = text.split(/[\s,]+/).filter((part) => part !== '');
  const [first, ...others] = parts.map(keyOf);
  if (first === undefined) throw badKey(code, 'there is no key');
  return [first, ...others];
}

/**
 * The text of a key file.
 *
 * @throws TocsinError `usage` (`…_unreadable`) when it cannot be read, `refused` (`…_open`) when others may read it
 */
export function readKeyFile(file: string, { code, whenOpen }: KeyPurpose): string {
  try {
    // One descriptor for the check and the read: nobody can replace the file in between.
    const descriptor = openSync(file, 'r');
    try {
      const { mode } = fstatSync(descriptor);
      if ((mode & 0o077) !== 0) throw openToOthers(file, code, whenOpen);
      return readFileSync(descriptor, 'utf8');
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    if (cause instanceof TocsinError) throw cause;
    throw new TocsinError('usage', `${code}_unreadable`, `the key file ${file} cannot be read`, {
      hint: `Make one: (umask 077; openssl rand -base64 32 > ${file})`,
      cause,
    });
  }
}

/** Creates a key file, and its folder if missing. @returns false when it exists already */
export function createKeyFile(file: string): boolean {
  makePrivateFolder(dirname(file));
  try {
    writeFileSync(file, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function badKey(code: string, message: string): TocsinError {
  return new TocsinError('usage', `${code}_invalid`, message, {
    hint: 'Make a key with: openssl rand -base64 32. Old keys follow the current one.',
  });
}

function openToOthers(file: string, code: string, whenOpen: string): TocsinError {
  return new TocsinError('refused', `${code}_open`, `other users may read the key file ${file}`, {
    hint: `Run chmod 600 ${file}. If others may have read it, ${whenOpen}.`,
  });
}

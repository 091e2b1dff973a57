// The vault's keys: 32 bytes each, the first one for writing, all of them for reading. From the
// environment or a file that only its owner may read; never from a command line.
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { TocsinError } from '../../../domain/core/errors.ts';

/** One key, and the name that records are marked with. */
export type VaultKey = { readonly id: string; readonly bytes: Uint8Array };

/** At least one; the first is written with. */
export type VaultKeys = readonly [VaultKey, ...VaultKey[]];

/**
 * Keys from text: base64 of 32 bytes each, one per line or with commas between, the current one first.
 *
 * @throws TocsinError `usage` when it is not that; the text is never quoted
 */
export function parseVaultKeys(text: string): VaultKeys {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const [first, ...others] = words.map(keyOf);
  if (first === undefined) throw badKey('there is no key');
  return [first, ...others];
}

/**
 * Keys from a file that nobody else may read.
 *
 * @throws TocsinError `usage` when it cannot be read or holds no keys, `refused` when others may read it
 */
export function readVaultKeys(file: string): VaultKeys {
  let text: string;
  try {
    // Looked at and read through one descriptor: nobody can put another file in between.
    const descriptor = openSync(file, 'r');
    try {
      const { mode } = fstatSync(descriptor);
      if ((mode & 0o077) !== 0) throw openToOthers(file);
      text = readFileSync(descriptor, 'utf8');
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    if (cause instanceof TocsinError) throw cause;
    throw new TocsinError('usage', 'vault_key_unreadable', `the key file ${file} cannot be read`, {
      hint: `Make one: (umask 077; openssl rand -base64 32 > ${file})`,
      cause,
    });
  }
  return parseVaultKeys(text);
}

/** Makes a key file where there is none. @returns false when there is one already */
export function createVaultKeyFile(file: string): boolean {
  try {
    writeFileSync(file, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function keyOf(word: string): VaultKey {
  const bytes = Buffer.from(word, 'base64');
  if (bytes.length !== 32) throw badKey('a key is not 32 bytes in base64');
  const id = createHash('sha256').update('tocsin vault key').update(bytes).digest('hex');
  return { id: id.slice(0, 16), bytes };
}

function badKey(message: string): TocsinError {
  return new TocsinError('usage', 'vault_key_invalid', message, {
    hint: 'Make one with: openssl rand -base64 32. Old keys follow the current one.',
  });
}

function openToOthers(file: string): TocsinError {
  return new TocsinError(
    'refused',
    'vault_key_open',
    `others than its owner may read the key file ${file}`,
    { hint: `chmod 600 ${file}; and if others may have read it, rotate: docs/channels.md.` },
  );
}

// Reads the keys of the vault, 32 bytes each. The first key encrypts; all keys decrypt.
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { TocsinError } from '../../../domain/core/errors.ts';

/** A key, and its id in the records. */
export type VaultKey = { readonly id: string; readonly bytes: Uint8Array };

export type VaultKeys = readonly [VaultKey, ...VaultKey[]];

/**
 * Keys from text: base64 of 32 bytes each, one per line or with commas between, the current one first.
 *
 * @throws TocsinError `usage` for other text, which is never quoted
 */
export function parseVaultKeys(text: string): VaultKeys {
  const parts = text.split(/[\s,]+/).filter((part) => part !== '');
  const [first, ...others] = parts.map(keyOf);
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
    // One descriptor for the check and the read: nobody can replace the file in between.
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

/** Creates a key file. @returns false when it exists already */
export function createVaultKeyFile(file: string): boolean {
  try {
    writeFileSync(file, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function keyOf(encoded: string): VaultKey {
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length !== 32) throw badKey('a key is not 32 bytes in base64');
  const id = createHash('sha256').update('tocsin vault key').update(bytes).digest('hex');
  return { id: id.slice(0, 16), bytes };
}

function badKey(message: string): TocsinError {
  return new TocsinError('usage', 'vault_key_invalid', message, {
    hint: 'Make a key with: openssl rand -base64 32. Old keys follow the current one.',
  });
}

function openToOthers(file: string): TocsinError {
  return new TocsinError('refused', 'vault_key_open', `other users may read the key file ${file}`, {
    hint: `Run chmod 600 ${file}. If others may have read it, rotate the key: docs/channels.md.`,
  });
}

// Reads the keys of the vault, 32 bytes each. The first key encrypts; all keys decrypt.
import { createHash } from 'node:crypto';
import { parseKeys, readKeyFile, type KeyPurpose } from '../../keys/key-file.ts';

/** A key, and its id in the records. */
export type VaultKey = { readonly id: string; readonly bytes: Uint8Array };

export type VaultKeys = readonly [VaultKey, ...VaultKey[]];

const PURPOSE: KeyPurpose = { code: 'vault_key', whenOpen: 'rotate the key: docs/channels.md' };

/**
 * Keys from text: base64 of 32 bytes each, one per line or with commas between, the current one first.
 *
 * @throws TocsinError `usage` for other text, which is never quoted
 */
export function parseVaultKeys(text: string): VaultKeys {
  const [first, ...others] = parseKeys(text, PURPOSE);
  return [vaultKey(first), ...others.map(vaultKey)];
}

/**
 * Keys from a file that nobody else may read.
 *
 * @throws TocsinError `usage` when it cannot be read or holds no keys, `refused` when others may read it
 */
export function readVaultKeys(file: string): VaultKeys {
  return parseVaultKeys(readKeyFile(file, PURPOSE));
}

function vaultKey(bytes: Buffer): VaultKey {
  const id = createHash('sha256').update('tocsin vault key').update(bytes).digest('hex');
  return { id: id.slice(0, 16), bytes };
}

// A vault whose key file is read again when it changes, so that a rotation of the key needs no restart.
import { statSync } from 'node:fs';
import { readVaultKeys } from '../../adapters/sqlite/vault/keys.ts';
import { sqliteVault, type SqliteVault } from '../../adapters/sqlite/vault/sqlite-vault.ts';

/** @throws TocsinError like `sqliteVault` and `readVaultKeys`, for the first read of the key file */
export function keyFileVault(file: string, keyFile: string): SqliteVault {
  const open = (): SqliteVault => sqliteVault({ file, keys: readVaultKeys(keyFile) });
  let readAt = stampOf(keyFile);
  let vault = open();

  const current = (): SqliteVault => {
    const stamp = stampOf(keyFile);
    if (stamp === undefined || stamp === readAt) return vault;
    let next: SqliteVault;
    try {
      next = open();
    } catch {
      // The file is being replaced. The vault refuses what the keys of before must not do; the next call reads again.
      return vault;
    }
    vault[Symbol.dispose]();
    vault = next;
    readAt = stamp;
    return vault;
  };
  return {
    put: (name, secret) => current().put(name, secret),
    putIfAbsent: (name, secret) => current().putIfAbsent(name, secret),
    get: (name) => current().get(name),
    remove: (name) => current().remove(name),
    names: (prefix) => current().names(prefix),
    fingerprint: (text) => current().fingerprint(text),
    rotate: () => current().rotate(),
    [Symbol.dispose]: () => {
      vault[Symbol.dispose]();
    },
  };
}

/** Changes with the file; `undefined` while there is none. */
function stampOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  return found && [found.ino, found.mtimeMs, found.size, found.mode].join(':');
}

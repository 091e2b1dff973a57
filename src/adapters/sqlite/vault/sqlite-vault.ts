// The default vault: a SQLite file of encrypted records, without the key. Several processes may have it open.
import { createHmac, randomBytes, createCipheriv, createDecipheriv } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { SecretVault } from '../../../domain/ports/secret-vault.ts';
import { kept, openError, openSqlite, type SqliteFormat, transaction } from '../open.ts';
import { fileCleaner, REMOVED_KEY } from './clean-file.ts';
import type { VaultKey, VaultKeys } from './keys.ts';

export type SqliteVaultOptions = {
  /** The file; it and its directory are made if missing, for its owner only. */
  readonly file: string;
  /** The current key first, then old keys that may have encrypted records. */
  readonly keys: VaultKeys;
};

/** A vault in a file; disposing closes it. */
export type SqliteVault = SecretVault &
  Disposable & {
    /**
     * Encrypts every record with the current key, and removes the old ciphertexts from the files as `remove` does.
     *
     * @returns how many had another key
     */
    readonly rotate: () => Promise<number>;
  };

const WHAT = 'a Tocsin vault';

export const VAULT_FORMAT: SqliteFormat = {
  applicationId: 0x54_63_76_61, // "Tcva"
  version: 1,
  what: WHAT,
  create(db) {
    db.exec(`
      CREATE TABLE secrets (
        name TEXT PRIMARY KEY, key_id TEXT NOT NULL, box BLOB NOT NULL
      ) WITHOUT ROWID;
    `);
  },
};

/** The record with the key of the fingerprints; it also proves that the vault's key fits. */
export const FINGERPRINT_KEY = ':fingerprints';

/** Records of the vault itself, which callers do not see. */
export function isOwn(name: string): boolean {
  return name === FINGERPRINT_KEY || name === REMOVED_KEY;
}

/**
 * Opens the vault in `file`.
 *
 * @throws TocsinError `refused` when none of the keys fits, or the file is damaged, newer or of another format;
 * `usage` when it cannot be opened
 */
export function sqliteVault({ file, keys }: SqliteVaultOptions): SqliteVault {
  return kept(openSqlite(file, VAULT_FORMAT), (db) => {
    try {
      // Overwrites deleted content; `clean-file.ts` removes the other copies.
      db.exec('PRAGMA secure_delete = ON');
      return vaultOn(db, file, keys);
    } catch (error) {
      throw openError(file, WHAT, error);
    }
  });
}

function vaultOn(db: DatabaseSync, file: string, keys: VaultKeys): SqliteVault {
  const [current] = keys;
  const byId = new Map<string, VaultKey>(keys.map((key) => [key.id, key]));
  const find = db.prepare('SELECT key_id, box FROM secrets WHERE name = ?');
  // A rotation moves this record to the newest key. In one statement with the write: a rotation may come between two.
  const isRotatedAway = `EXISTS (
    SELECT 1 FROM secrets WHERE name = '${FINGERPRINT_KEY}' AND key_id NOT IN (SELECT value FROM json_each(?)))`;
  const upsert = db.prepare(
    `INSERT OR REPLACE INTO secrets SELECT ?, ?, ? WHERE NOT ${isRotatedAway}`,
  );
  const insert = db.prepare(
    `INSERT INTO secrets SELECT ?, ?, ? WHERE NOT ${isRotatedAway} ON CONFLICT DO NOTHING`,
  );
  const ownKeys = JSON.stringify([...byId.keys()]);
  const remove = db.prepare('DELETE FROM secrets WHERE name = ?');
  const from = db.prepare('SELECT name FROM secrets WHERE name >= ? AND name < ? ORDER BY name');
  const stale = db.prepare(
    `SELECT name FROM secrets WHERE key_id <> ? AND name <> '${REMOVED_KEY}' ORDER BY name`,
  );
  const cleaner = fileCleaner(db, file);

  const get = (name: string): string | undefined => {
    const row = find.get(name);
    if (row === undefined) return undefined;
    const { key_id: keyId, box } = row;
    const key = byId.get(String(keyId));
    if (key === undefined || !(box instanceof Uint8Array)) throw noKey(file);
    return unlock(key.bytes, name, box);
  };
  const put = (name: string, secret: string): void => {
    const box = lock(current.bytes, name, secret);
    if (Number(upsert.run(name, current.id, box, ownKeys).changes) === 0) throw oldKey(file);
  };
  const putIfAbsent = (name: string, secret: string): string => {
    const found = get(name);
    if (found !== undefined) return found;
    insert.run(name, current.id, lock(current.bytes, name, secret), ownKeys);
    // Another process may have been first.
    const stored = get(name);
    if (stored === undefined) throw oldKey(file);
    return stored;
  };
  const guarded = <T>(work: () => T | Promise<T>): Promise<T> =>
    new Promise<T>((resolve) => {
      resolve(work());
    }).catch((error: unknown) => {
      throw openError(file, WHAT, error);
    });
  const fingerprints = putIfAbsent(FINGERPRINT_KEY, randomBytes(32).toString('base64'));

  return {
    put: (name, secret) =>
      guarded(() => {
        put(name, secret);
      }),
    putIfAbsent: (name, secret) => guarded(() => putIfAbsent(name, secret)),
    get: (name) => guarded(() => get(name)),
    remove: (name) =>
      guarded(async () => {
        let isRemoved = false;
        transaction(db, () => {
          isRemoved = Number(remove.run(name).changes) > 0;
          if (isRemoved) cleaner.mark();
        });
        await cleaner.clean();
        return isRemoved;
      }),
    names: (prefix) =>
      guarded(() =>
        from
          .all(prefix, `${prefix}\u{10ffff}`)
          .map(({ name }) => String(name))
          .filter((name) => !isOwn(name)),
      ),
    fingerprint: (text) =>
      guarded(() => createHmac('sha256', fingerprints).update(text).digest('hex')),
    async rotate() {
      const names = stale.all(current.id).map(({ name }) => String(name));
      transaction(db, () => {
        for (const name of names) {
          const secret = get(name);
          if (secret !== undefined) put(name, secret);
        }
        if (names.length > 0) cleaner.mark();
      });
      await cleaner.clean();
      return names.length;
    },
    [Symbol.dispose]() {
      if (db.isOpen) db.close();
    },
  };
}

function noKey(file: string): TocsinError {
  return new TocsinError('refused', 'vault_key_wrong', `${file} was encrypted with another key`, {
    hint: 'Give the key that the vault was made with; after a rotation, give the old key after the new one.',
  });
}

/** What would be sealed now would be lost with the old key. */
function oldKey(file: string): TocsinError {
  const message = `${file} was rotated to a key that this process does not have`;
  return new TocsinError('unavailable', 'vault_key_old', message, {
    hint: 'Give this process the new key too: it reads a key file again when it changes, and a variable at its start.',
  });
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Nonce, ciphertext and tag in one piece. */
export function lock(key: Uint8Array, name: string, secret: string): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name, 'utf8'));
  const body = [cipher.update(secret, 'utf8'), cipher.final()];
  return Buffer.concat([nonce, ...body, cipher.getAuthTag()]);
}

/** What {@link lock} has locked; throws for another key, another name and for changed bytes. */
export function unlock(key: Uint8Array, name: string, box: Uint8Array): string {
  const nonce = box.subarray(0, NONCE_BYTES);
  const body = box.subarray(NONCE_BYTES, -TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(name, 'utf8'))
    .setAuthTag(box.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
}

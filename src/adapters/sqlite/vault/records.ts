// The names in a vault's file, and the ids of the keys that encrypt its records. They can be read without a key,
// for checks of a restored file.
import { openSqliteReadOnly } from '../open.ts';
import { isOwn, VAULT_FORMAT } from './sqlite-vault.ts';

/** The names of the records, each with the id of the key that encrypted it. */
export function vaultRecords(file: string): ReadonlyMap<string, string> {
  const db = openSqliteReadOnly(file, VAULT_FORMAT);
  try {
    const rows = db.prepare('SELECT name, key_id FROM secrets').all();
    return new Map(
      rows
        .map(({ name, key_id: key }) => [String(name), String(key)] as const)
        .filter(([name]) => !isOwn(name)),
    );
  } finally {
    db.close();
  }
}

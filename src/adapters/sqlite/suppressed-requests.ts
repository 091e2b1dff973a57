// Finds the requests that were suppressed since the last notification of their keys, many keys per statement.
import type { DatabaseSync } from 'node:sqlite';
import type { SuppressedKey, SuppressedRequests } from '../../projections/read-model.ts';
import { SUPPRESSED_KEY, SUPPRESSED_REQUESTS, suppressedKeyValues } from './read-model-tables.ts';
import { query, type Query } from './table.ts';

/** As many as a page of events has requests, at most; unused keys are null and match nothing. */
const KEYS_PER_STATEMENT = 128;

/** The big statement is prepared when the first request has been suppressed. */
export function suppressedRequestsFinder(
  db: DatabaseSync,
): (keys: readonly SuppressedKey[]) => SuppressedRequests[] {
  const any = db.prepare('SELECT 1 FROM suppressed_requests LIMIT 1');
  let asked: Query<SuppressedRequests> | undefined;
  return (keys) => {
    if (keys.length === 0 || any.get() === undefined) return [];
    asked ??= prepare(db);
    const found: SuppressedRequests[] = [];
    for (let start = 0; start < keys.length; start += KEYS_PER_STATEMENT) {
      const values: (string | number | null)[] = [];
      for (const key of keys.slice(start, start + KEYS_PER_STATEMENT)) {
        values.push(...suppressedKeyValues(key));
      }
      while (values.length < KEYS_PER_STATEMENT * SUPPRESSED_KEY.length) values.push(null);
      for (const row of asked.all(...values)) found.push(row);
    }
    return found;
  };
}

function prepare(db: DatabaseSync): Query<SuppressedRequests> {
  const marks = `(${SUPPRESSED_KEY.map(() => '?').join(', ')})`;
  const keys = `
    WITH k (${SUPPRESSED_KEY.map((column) => `of_${column}`).join(', ')})
      AS (VALUES ${Array.from({ length: KEYS_PER_STATEMENT }, () => marks).join(', ')})`;
  const on = SUPPRESSED_KEY.map((column) => `${column} = of_${column}`).join(' AND ');
  return query(db, SUPPRESSED_REQUESTS, `FROM k CROSS JOIN suppressed_requests ON ${on}`, keys);
}

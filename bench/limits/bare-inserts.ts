// The limit of `raise`: the same bytes into one SQLite table, as fast as node:sqlite takes them, with
// the same durability (WAL, full sync) and the same batching. No index, no stream table, no look-up,
// nothing made on the way: less work than any event store can get by with.
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

/** An event's row, in the order of the columns. */
export type Row = readonly SQLInputValue[];

/** 64 raises of three events each: what one commit of the store takes at most with 64 in flight. */
export const ROWS_PER_TRANSACTION = 192;

const COLUMNS = 'position, stream, revision, id, type, data, metadata';

/** The events that a store's file holds, to be written again. */
export function readRows(file: string): readonly Row[] {
  using db = new DatabaseSync(file, { readOnly: true });
  const rows = db.prepare(`SELECT ${COLUMNS} FROM events ORDER BY position`).all();
  return rows.map((row) => Object.values(row));
}

/** Writes the rows into a new file and tells the seconds from the first insert to the last commit. */
export function bareInserts(file: string, rows: readonly Row[]): number {
  using db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000');
  db.exec(
    `CREATE TABLE events (
       position INTEGER PRIMARY KEY, stream INTEGER NOT NULL, revision INTEGER NOT NULL,
       id TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL, metadata TEXT NOT NULL
     ) STRICT`,
  );
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const insert = db.prepare(`INSERT INTO events (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)`);
  const begun = performance.now();
  for (let at = 0; at < rows.length; at += ROWS_PER_TRANSACTION) {
    begin.run();
    for (const row of rows.slice(at, at + ROWS_PER_TRANSACTION)) insert.run(...row);
    commit.run();
  }
  return (performance.now() - begun) / 1000;
}

// The limit of `raise`: the same bytes into one SQLite table, as fast as node:sqlite takes them, with
// the same durability (WAL, full sync) and the same batching. No index, no stream table, no look-up,
// nothing made on the way: less work than any event store can get by with.
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { embeddedReader } from '../../src/adapters/eventstore/embedded/store.ts';

/** An event's row, in the order of the columns. */
export type Row = readonly SQLInputValue[];

/** 64 raises of three events each: what one commit of the store takes at most with 64 in flight. */
export const ROWS_PER_TRANSACTION = 192;

/** The events that a store's file holds, to be written again. */
export async function readRows(file: string): Promise<readonly Row[]> {
  await using log = embeddedReader(file);
  const streams = new Map<string, number>();
  const rows: Row[] = [];
  for await (const page of log.readAll({ direction: 'forwards', prefixes: [] })) {
    for (const { position, stream, revision, id, type, data, metadata } of page) {
      const number = streams.get(stream) ?? streams.size + 1;
      streams.set(stream, number);
      const content = [JSON.stringify(data), JSON.stringify(metadata)];
      rows.push([position.commit, number, revision, id, type, ...content]);
    }
  }
  return rows;
}

/** Writes the rows into a new file and tells the seconds from the first insert to the last commit. */
export function bareInserts(file: string, rows: readonly Row[]): number {
  using db = new DatabaseSync(file);
  const insert = insertInto(db);
  const begun = performance.now();
  for (let at = 0; at < rows.length; at += ROWS_PER_TRANSACTION) {
    insert(rows.slice(at, at + ROWS_PER_TRANSACTION));
  }
  return (performance.now() - begun) / 1000;
}

/** Makes the table; the result writes rows in one durable transaction. */
export function insertInto(db: DatabaseSync): (rows: readonly Row[]) => void {
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000');
  db.exec(
    `CREATE TABLE events (
       position INTEGER PRIMARY KEY, stream INTEGER NOT NULL, revision INTEGER NOT NULL,
       id TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL, metadata TEXT NOT NULL
     ) STRICT`,
  );
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const insert = db.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)');
  return (rows) => {
    begin.run();
    for (const row of rows) insert.run(...row);
    commit.run();
  };
}

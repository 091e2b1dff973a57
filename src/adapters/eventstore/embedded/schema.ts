// The file's tables. Other programs may query them while the store runs; only the store writes them.
import type { SqliteFormat } from '../../sqlite/open.ts';
import type { SQLOutputValue } from 'node:sqlite';

/** Identifies a file as an event store. A new version needs a migration of older files. */
export const STORE_FORMAT: SqliteFormat = {
  applicationId: 0x54_6f_63_73, // "Tocs"
  version: 2,
  what: 'a Tocsin event store',
  create(db) {
    // `position` is the offset at which the event's bytes end in the log, so a range of positions bounds the bytes to
    // read. JSON is text, for SQLite's JSON functions; other data are blobs. `created` is in milliseconds since 1970.
    db.exec(`
      CREATE TABLE streams (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        last_revision INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE events (
        position INTEGER PRIMARY KEY,
        stream INTEGER NOT NULL REFERENCES streams (id),
        revision INTEGER NOT NULL,
        id TEXT NOT NULL,
        type TEXT NOT NULL,
        is_json INTEGER NOT NULL,
        created INTEGER NOT NULL,
        data ANY NOT NULL,
        metadata ANY NOT NULL,
        UNIQUE (stream, revision)
      ) STRICT;`);
  },
};

export function textOf(value: SQLOutputValue | undefined): string {
  if (typeof value === 'string') return value;
  throw new TypeError(`expected text in the file, found ${typeof value}`);
}

export function bigintOf(value: SQLOutputValue | undefined): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return BigInt(value);
  throw new TypeError(`expected an integer in the file, found ${typeof value}`);
}

export function bytesOf(value: SQLOutputValue | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`expected bytes in the file, found ${typeof value}`);
}

/** JSON as text, everything else as bytes. */
export type Content = string | Uint8Array;

export function contentOf(value: SQLOutputValue | undefined): Content {
  return value instanceof Uint8Array ? value : textOf(value);
}

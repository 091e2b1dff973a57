// The file's tables. Only the store writes them.
import { hash } from 'node:crypto';
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { SqliteFormat } from '../../sqlite/open.ts';

/** Identifies a file as an event store. A new version needs a migration of older files. */
export const STORE_FORMAT: SqliteFormat = {
  applicationId: 0x54_6f_63_73, // "Tocs"
  version: 4,
  upgradesFrom: 3,
  shrinks: true,
  what: 'a Tocsin event store',
  olderHint:
    "Serve the file with the version that wrote it (`tocsin store`), and copy it to a new file with this version: `tocsin store copy --store 'esdb://127.0.0.1:2113?tls=false' --to embedded:NEW`.",
  create(db) {
    // A record holds the events of one append, see record.ts; a long append has several. `position` and `revision` are
    // those of its last event. A position is the offset at which an event's bytes end in the log, so a range of
    // positions bounds the bytes to read. `created` is in milliseconds since 1970. Names are found by their hash,
    // because an index of the names would be as large as the table.
    db.exec(`
      CREATE TABLE streams (
        id INTEGER PRIMARY KEY,
        hash INTEGER NOT NULL,
        name TEXT NOT NULL,
        last_revision INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX streams_by_hash ON streams (hash);
      CREATE TABLE records (
        position INTEGER PRIMARY KEY,
        stream INTEGER NOT NULL REFERENCES streams (id),
        revision INTEGER NOT NULL,
        created INTEGER NOT NULL,
        events BLOB NOT NULL,
        UNIQUE (stream, revision)
      ) STRICT;`);
    addArchived(db);
  },
  upgrade: addArchived,
};

/** Streams that were moved to an archive, by the start of the SHA-256 of their names: they cannot be written again. */
function addArchived(db: DatabaseSync): void {
  db.exec('CREATE TABLE archived (stream BLOB PRIMARY KEY) STRICT, WITHOUT ROWID');
}

const ARCHIVED_KEY_BYTES = 16;

/** The key of a stream in the table `archived`. It is part of the file, so it never changes. */
export function archivedKey(stream: string): Uint8Array {
  return hash('sha256', stream, 'buffer').subarray(0, ARCHIVED_KEY_BYTES);
}

/** Selects streams of metadata; their hashes are negative. */
export const IS_METADATA = 'hash < 0';

const MULTIPLIERS = [0x85eb_ca6b, 0xc2b2_ae35] as const;

/** Two names may have one hash. It is part of the file, so it never changes. */
export function streamHash(name: string): number {
  let [a, b] = [0x811c_9dc5, 0x9e37_79b9];
  for (let i = 0; i < name.length; i += 1) {
    const unit = name.charCodeAt(i);
    a = Math.imul(a ^ unit, MULTIPLIERS[0]);
    b = Math.imul(b ^ unit, MULTIPLIERS[1]);
    a ^= a >>> 15;
    b ^= b >>> 13;
  }
  const hash = (a >>> 0) * 2 ** 20 + (b >>> 12);
  return name.startsWith('$$') ? -1 - hash : hash;
}

export function textOf(value: SQLOutputValue | undefined): string {
  if (typeof value === 'string') return value;
  throw new TypeError(`expected text in the file, found ${typeof value}`);
}

export function bigintOf(value: SQLOutputValue | undefined): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return BigInt(value);
  throw new TypeError(`expected an integer in the file, found ${typeof value}`);
}

export function numberOf(value: SQLOutputValue | undefined): number {
  if (typeof value === 'number') return value;
  throw new TypeError(`expected an integer in the file, found ${typeof value}`);
}

export function bytesOf(value: SQLOutputValue | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`expected bytes in the file, found ${typeof value}`);
}

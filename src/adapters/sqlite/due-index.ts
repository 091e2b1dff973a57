// Due indexes in one SQLite file: what waits, by key and by time. It is made from the log and can be
// deleted; what it saves is reading the log again at every start.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { Instant } from '../../domain/core/instants.ts';
import type {
  DueEntry,
  DueIndex,
  DueIndexes,
  DueRank,
} from '../../projections/indexes/due-index.ts';
import type { EventRef } from '../../projections/ports.ts';
import {
  assertIndexName,
  DUE_INDEX_WHAT,
  guarded,
  indexClosed,
  indexInUse,
  otherLog,
} from './due-index-errors.ts';
import { acquireFileLock } from './file-lock.ts';
import { openSqlite, type SqliteFormat } from './open.ts';

export type SqliteDueIndexesOptions = {
  /** The file; it and its directory are made if missing. */
  readonly file: string;
  /** The id of the log that the rows are about; a file of another log is refused. */
  readonly storeId: string;
  /** Who opens it, in words that a second owner is told; default "a worker". */
  readonly owner?: string;
};

const TABLES = `
  CREATE TABLE log (one INTEGER PRIMARY KEY CHECK (one = 1), store_id TEXT NOT NULL);
  CREATE TABLE places (
    name TEXT PRIMARY KEY,
    position_commit INTEGER NOT NULL,
    position_prepare INTEGER NOT NULL,
    last_event TEXT,
    last_stream TEXT,
    last_revision INTEGER
  );
  CREATE TABLE due (
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    stream TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    PRIMARY KEY (name, key)
  ) WITHOUT ROWID;
  CREATE INDEX due_by_time ON due (name, rank, due_at, key, stream);
`;

const FORMAT: SqliteFormat = {
  applicationId: 0x54_63_64_75, // "Tcdu"
  version: 2,
  what: DUE_INDEX_WHAT,
  create(db) {
    db.exec(TABLES);
  },
  // What is in it can be made from the log: it is not worth translating.
  upgrade(db) {
    db.exec(`DROP TABLE log; DROP TABLE places; DROP TABLE due; ${TABLES}`);
  },
};

/** Page cache: the upper levels of both trees of a million rows fit in. */
const CACHE_KIB = 8 * 1024;

/**
 * Opens the due indexes in `file` as its one owner.
 *
 * @throws TocsinError `refused` when another owns the file, when it belongs to another log, or is damaged,
 * newer or not ours; `usage` when it cannot be opened
 */
export function sqliteDueIndexes(options: SqliteDueIndexesOptions): DueIndexes {
  const { file, storeId, owner = 'a worker' } = options;
  const lock = acquireFileLock(file, {
    holder: owner,
    inUse: (other) =>
      indexInUse(file, other === undefined ? 'another' : `${other.what} (process ${other.pid})`),
  });
  let db: DatabaseSync | undefined;
  try {
    db = guarded(file, () => openSqlite(file, FORMAT));
    // A power cut can cost the last commits, whole: place and rows go back together.
    db.exec(`PRAGMA synchronous = NORMAL; PRAGMA cache_size = -${CACHE_KIB}`);
    bind(db, file, storeId);
  } catch (error) {
    db?.close();
    lock[Symbol.dispose]();
    throw error;
  }
  const open = new Set<string>();
  const connection = db;
  return {
    open(name) {
      assertIndexName(name, open);
      const index = indexOn(connection, file, name, () => open.delete(name));
      open.add(name);
      return index;
    },
    [Symbol.dispose]() {
      if (!connection.isOpen) return;
      connection.close();
      lock[Symbol.dispose]();
    },
  };
}

function bind(db: DatabaseSync, file: string, storeId: string): void {
  guarded(file, () => {
    db.prepare('INSERT INTO log VALUES (1, ?) ON CONFLICT DO NOTHING').run(storeId);
    if (db.prepare('SELECT store_id FROM log').get()?.['store_id'] !== storeId) {
      throw otherLog(file);
    }
  });
}

function indexOn(db: DatabaseSync, file: string, name: string, closed: () => void): DueIndex {
  const place = db.prepare('SELECT * FROM places WHERE name = ?');
  place.setReadBigInts(true);
  const move = db.prepare(`
    INSERT INTO places VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (name) DO UPDATE SET
      position_commit = ?2, position_prepare = ?3, last_event = coalesce(?4, last_event),
      last_stream = coalesce(?5, last_stream), last_revision = coalesce(?6, last_revision)`);
  const put = db.prepare('INSERT OR REPLACE INTO due VALUES (?, ?, ?, ?, ?)');
  const remove = db.prepare('DELETE FROM due WHERE name = ? AND key = ?');
  const dueBy = db.prepare(
    `SELECT key, stream, due_at FROM due
     WHERE name = ? AND rank = ? AND due_at <= ? ORDER BY due_at, key`,
  );
  const first = db.prepare(
    'SELECT key, due_at FROM due WHERE name = ? AND rank = ? ORDER BY due_at, key',
  );
  const count = db.prepare('SELECT count(*) AS n FROM due WHERE name = ?');
  let isOpen = true;
  const using = <T>(work: () => T): T => {
    if (!isOpen) throw indexClosed(`the index ${name}`);
    return guarded(file, work);
  };
  return {
    position: () =>
      using(() => {
        const row = place.get(name);
        if (row === undefined) return undefined;
        return { commit: bigint(row['position_commit']), prepare: bigint(row['position_prepare']) };
      }),
    lastEvent: () => using(() => eventOf(place.get(name))),
    commit(step) {
      const { position, lastEvent: last } = step;
      using(() => {
        db.exec('BEGIN IMMEDIATE');
        try {
          for (const key of step.remove) remove.run(name, key);
          for (const { key, stream, dueAt, rank } of step.put) {
            put.run(name, key, stream, dueAt, rank);
          }
          const event = [last?.id ?? null, last?.stream ?? null, last?.revision ?? null];
          move.run(name, position.commit, position.prepare, ...event);
          db.exec('COMMIT');
        } catch (error) {
          if (db.isTransaction) db.exec('ROLLBACK');
          throw error;
        }
      });
    },
    due: (rank, now, limit, except) =>
      using(() => {
        const found: DueEntry[] = [];
        if (limit <= 0) return found;
        for (const row of dueBy.iterate(name, rank, now)) {
          const key = String(row['key']);
          if (except.has(key)) continue;
          found.push({ key, stream: String(row['stream']), dueAt: Number(row['due_at']), rank });
          if (found.length >= limit) break;
        }
        return found;
      }),
    next: (rank: DueRank, except) =>
      using((): Instant | undefined => {
        for (const row of first.iterate(name, rank)) {
          if (!except.has(String(row['key']))) return Number(row['due_at']);
        }
        return undefined;
      }),
    count: () => using(() => Number(count.get(name)?.['n'])),
    [Symbol.dispose]() {
      if (isOpen) closed();
      isOpen = false;
    },
  };
}

type Row = Record<string, SQLOutputValue>;

function eventOf(row: Row | undefined): EventRef | undefined {
  if (row === undefined || row['last_event'] === null) return undefined;
  return {
    id: String(row['last_event']),
    stream: String(row['last_stream']),
    revision: bigint(row['last_revision']),
  };
}

function bigint(value: SQLOutputValue | undefined): bigint {
  return typeof value === 'bigint' ? value : BigInt(Number(value));
}

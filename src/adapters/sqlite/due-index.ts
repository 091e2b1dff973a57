// Due indexes in one SQLite file: what waits, by key and by time. It is made from the log and can be
// deleted; what it saves is reading the log again at every start.
import type { Instant } from '../../domain/core/instants.ts';
import type {
  DueEntry,
  DueIndex,
  DueIndexes,
  DueRank,
} from '../../kernel/processes/due/due-index.ts';
import { assertIndexName, indexClosed } from './index-errors.ts';
import {
  columnsOf,
  lastEventOf,
  openIndexFile,
  positionOf,
  type IndexFile,
  type SqliteIndexOptions,
} from './index-file.ts';
import type { SqliteFormat } from './open.ts';
import { transaction } from './transaction.ts';

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
  what: 'a Tocsin due index',
  create(db) {
    db.exec(TABLES);
  },
  // What is in it can be made from the log: it is not worth translating.
  upgrade(db) {
    db.exec(`DROP TABLE log; DROP TABLE places; DROP TABLE due; ${TABLES}`);
  },
};

/**
 * Opens the due indexes in `file` as its one owner.
 *
 * @throws TocsinError `refused` when another owns the file, when it belongs to another log, or is damaged,
 * newer or not ours; `usage` when it cannot be opened
 */
export function sqliteDueIndexes(options: SqliteIndexOptions): DueIndexes {
  const owned = openIndexFile(options, FORMAT);
  const open = new Set<string>();
  return {
    open(name) {
      assertIndexName(name, open);
      const index = indexOn(owned, name, () => open.delete(name));
      open.add(name);
      return index;
    },
    [Symbol.dispose]() {
      owned[Symbol.dispose]();
    },
  };
}

function indexOn({ db, guarded }: IndexFile, name: string, closed: () => void): DueIndex {
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
    return guarded(work);
  };
  return {
    position: () => using(() => positionOf(place.get(name))),
    lastEvent: () => using(() => lastEventOf(place.get(name))),
    commit({ position, lastEvent, put: rows, remove: keys }) {
      using(() => {
        transaction(db, () => {
          for (const key of keys) remove.run(name, key);
          for (const { key, stream, dueAt, rank } of rows) {
            put.run(name, key, stream, dueAt, rank);
          }
          move.run(name, position.commit, position.prepare, ...columnsOf(lastEvent));
        });
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

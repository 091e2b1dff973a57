// The list of deliveries in one SQLite file: one owner writes, anybody may read meanwhile. It is made
// from the log and can be deleted.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { TocsinError } from '../../domain/core/errors.ts';
import type { DeliveryStatus } from '../../domain/notification/state.ts';
import type {
  DeliveryIndex,
  DeliveryIndexReader,
  DeliveryQuery,
  DeliveryRow,
  ListedDelivery,
} from '../../projections/indexes/delivery-index.ts';
import { indexInUse, otherLog } from './due-index-errors.ts';
import { acquireFileLock } from './file-lock.ts';
import { openSqlite, openSqliteReadOnly, type SqliteFormat } from './open.ts';

export type SqliteDeliveryIndexOptions = {
  /** The file; it and its directory are made if missing. */
  readonly file: string;
  /** The id of the log that the rows are about; a file of another log is refused. */
  readonly storeId: string;
  /** Who opens it, in words that a second owner is told; default "a worker". */
  readonly owner?: string;
};

const FORMAT: SqliteFormat = {
  applicationId: 0x54_63_64_6c, // "Tcdl"
  version: 1,
  what: 'a list of Tocsin deliveries',
  create: (db) => {
    db.exec(`
      CREATE TABLE log (
        one INTEGER PRIMARY KEY CHECK (one = 1), store_id TEXT NOT NULL,
        position_commit INTEGER, position_prepare INTEGER,
        last_event TEXT, last_stream TEXT, last_revision INTEGER
      );
      CREATE TABLE deliveries (
        number INTEGER PRIMARY KEY,
        notification_id TEXT NOT NULL UNIQUE,
        stream TEXT NOT NULL,
        user TEXT NOT NULL,
        trigger_type TEXT NOT NULL,
        channel TEXT NOT NULL,
        trigger_id TEXT NOT NULL,
        preview_id TEXT NOT NULL,
        status TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        reason TEXT,
        due_at INTEGER,
        requested_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
      );
      CREATE INDEX deliveries_by_user ON deliveries (user, number);
      CREATE INDEX deliveries_by_status ON deliveries (status, number);
      CREATE TABLE marks (user TEXT PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;
    `);
  },
};

const CACHE_KIB = 8 * 1024;
/** Longest page of a list. */
const MAX_LIMIT = 1_000;

/**
 * Opens the list in `file` as its one owner.
 *
 * @throws TocsinError `refused` when another owns the file, or it is of another log, damaged, newer or not ours
 */
export function sqliteDeliveryIndex(options: SqliteDeliveryIndexOptions): DeliveryIndex {
  const { file, storeId, owner = 'a worker' } = options;
  const lock = acquireFileLock(file, {
    holder: owner,
    inUse: (other) =>
      indexInUse(file, other === undefined ? 'another' : `${other.what} (process ${other.pid})`),
  });
  let db: DatabaseSync | undefined;
  try {
    db = openSqlite(file, FORMAT);
    // A power cut can cost the last commits, whole; they are read from the log again.
    db.exec(`PRAGMA synchronous = NORMAL; PRAGMA cache_size = -${CACHE_KIB}`);
    db.prepare('INSERT INTO log (one, store_id) VALUES (1, ?) ON CONFLICT DO NOTHING').run(storeId);
    if (db.prepare('SELECT store_id FROM log').get()?.['store_id'] !== storeId)
      throw otherLog(file);
    return indexOn(db, () => {
      lock[Symbol.dispose]();
    });
  } catch (error) {
    db?.close();
    lock[Symbol.dispose]();
    throw error;
  }
}

/**
 * Opens the list in `file` for reading, beside its owner.
 *
 * @throws TocsinError `usage` when there is no such file
 */
export function openDeliveryIndexReader(file: string): DeliveryIndexReader {
  return readerOn(openSqliteReadOnly(file, FORMAT));
}

function readerOn(db: DatabaseSync): DeliveryIndexReader {
  const one = db.prepare('SELECT * FROM deliveries WHERE notification_id = ?');
  const counts = db.prepare('SELECT status, count(*) AS n FROM deliveries GROUP BY status');
  return {
    get(notificationId) {
      const row = one.get(notificationId);
      return row && rowOf(row);
    },
    list: (query) => listOf(db, query),
    counts: () =>
      Object.fromEntries(counts.all().map((row) => [String(row['status']), Number(row['n'])])),
    [Symbol.dispose]: () => {
      if (db.isOpen) db.close();
    },
  };
}

function listOf(db: DatabaseSync, query: DeliveryQuery): readonly ListedDelivery[] {
  const { userId, status, before, limit } = query;
  const filters: (readonly [string, string | number])[] = [];
  if (userId !== undefined) filters.push(['user = ?', userId]);
  if (status !== undefined) filters.push(['status = ?', status]);
  if (before !== undefined) filters.push(['number < ?', before]);
  const where = filters.length === 0 ? '' : `WHERE ${filters.map(([sql]) => sql).join(' AND ')}`;
  const sql = `SELECT * FROM deliveries ${where} ORDER BY number DESC LIMIT ?`;
  const values = filters.map(([, value]) => value);
  const most = Math.min(Math.max(1, Math.trunc(limit)), MAX_LIMIT);
  return db
    .prepare(sql)
    .all(...values, most)
    .map((row) => ({ ...rowOf(row), number: Number(row['number']) }));
}

function indexOn(db: DatabaseSync, closed: () => void): DeliveryIndex {
  const reader = readerOn(db);
  const place = db.prepare('SELECT * FROM log');
  place.setReadBigInts(true);
  const move = db.prepare(`
    UPDATE log SET position_commit = ?, position_prepare = ?, last_event = coalesce(?, last_event),
      last_stream = coalesce(?, last_stream), last_revision = coalesce(?, last_revision)`);
  const put = db.prepare(`
    INSERT INTO deliveries (notification_id, stream, user, trigger_type, channel, trigger_id,
      preview_id, status, attempts, reason, due_at, requested_at, expires_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (notification_id) DO UPDATE SET
      status = excluded.status, attempts = excluded.attempts, reason = excluded.reason,
      due_at = excluded.due_at`);
  const mark = db.prepare('INSERT OR REPLACE INTO marks VALUES (?, ?)');
  const marks = db.prepare('SELECT user, since FROM marks ORDER BY since, user LIMIT ?');
  marks.setReadBigInts(true);
  const unmark = db.prepare('DELETE FROM marks WHERE user = ? AND since = ?');
  return {
    ...reader,
    position() {
      const row = place.get();
      if (row === undefined || row['position_commit'] === null) return undefined;
      return { commit: big(row['position_commit']), prepare: big(row['position_prepare']) };
    },
    lastEvent() {
      const row = place.get();
      if (row === undefined || row['last_event'] === null) return undefined;
      const [id, stream] = [String(row['last_event']), String(row['last_stream'])];
      return { id, stream, revision: big(row['last_revision']) };
    },
    commit(step) {
      const { position, lastEvent: last } = step;
      db.exec('BEGIN IMMEDIATE');
      try {
        for (const row of step.rows) put.run(...valuesOf(row));
        for (const { userId, since } of step.marks) mark.run(userId, since);
        const event = [last?.id ?? null, last?.stream ?? null, last?.revision ?? null];
        move.run(position.commit, position.prepare, ...event);
        db.exec('COMMIT');
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK');
        throw unwritable(error);
      }
    },
    marks: (limit) =>
      marks.all(limit).map((row) => ({ userId: String(row['user']), since: big(row['since']) })),
    unmark: ({ userId, since }) => void unmark.run(userId, since),
    [Symbol.dispose]: () => {
      reader[Symbol.dispose]();
      closed();
    },
  };
}

function unwritable(cause: unknown): TocsinError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new TocsinError('unavailable', 'index_unwritable', `the list of deliveries: ${detail}`, {
    hint: 'Check the disk and its quota. The file may be deleted: it is built again from the log.',
    cause,
  });
}

type Row = Record<string, SQLOutputValue>;

function valuesOf(row: DeliveryRow): (string | number | null)[] {
  const { notificationId, stream, userId, triggerType, channel, triggerId, previewId } = row;
  const { status, attempts, reason, dueAt, requestedAt, expiresAt } = row;
  const about = [notificationId, stream, userId, triggerType, channel, triggerId, previewId];
  return [...about, status, attempts, reason, dueAt, requestedAt, expiresAt];
}

function rowOf(row: Row): DeliveryRow {
  return {
    notificationId: String(row['notification_id']),
    stream: String(row['stream']),
    userId: String(row['user']),
    triggerType: String(row['trigger_type']),
    channel: String(row['channel']),
    triggerId: String(row['trigger_id']),
    previewId: String(row['preview_id']),
    status: statusOf(row['status']),
    attempts: Number(row['attempts']),
    reason: row['reason'] === null ? null : String(row['reason']),
    dueAt: row['due_at'] === null ? null : Number(row['due_at']),
    requestedAt: Number(row['requested_at']),
    expiresAt: Number(row['expires_at']),
  };
}

function statusOf(value: SQLOutputValue | undefined): DeliveryStatus {
  const status = DELIVERY_STATUSES.find((known) => known === value);
  if (status === undefined) throw new TypeError(`no status of a delivery: ${String(value)}`);
  return status;
}

/** Every status, for lists and options. */
export const DELIVERY_STATUSES = [
  'waiting',
  'attempting',
  'delivered',
  'skipped',
  'dead',
  'expired',
  'cancelled',
] as const satisfies readonly DeliveryStatus[];

function big(value: SQLOutputValue | undefined): bigint {
  return typeof value === 'bigint' ? value : BigInt(Number(value));
}

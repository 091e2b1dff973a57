// The list of deliveries in one SQLite file: one owner writes, anybody may read meanwhile. It is made
// from the log and can be deleted.
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { DeliveryStatus } from '../../domain/delivery/effects.ts';
import type {
  DeliveryIndex,
  DeliveryIndexReader,
  DeliveryQuery,
  DeliveryRow,
  ListedDelivery,
} from '../../kernel/processes/delivery/delivery-index.ts';
import { damaged, guarded } from './index-errors.ts';
import {
  bigint,
  columnsOf,
  lastEventOf,
  openIndexFile,
  positionOf,
  type IndexFile,
  type SqliteIndexOptions,
} from './index-file.ts';
import { openSqliteReadOnly, type SqliteFormat } from './open.ts';
import { transaction } from './transaction.ts';

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

/** Longest page of a list. */
const MAX_LIMIT = 1_000;

/**
 * Opens the list in `file` as its one owner.
 *
 * @throws TocsinError `refused` when another owns the file, or it is of another log, damaged, newer or not ours
 */
export function sqliteDeliveryIndex(options: SqliteIndexOptions): DeliveryIndex {
  using undo = new DisposableStack();
  const index = indexOn(undo.use(openIndexFile(options, FORMAT)));
  undo.move();
  return index;
}

/**
 * Opens the list in `file` for reading, beside its owner.
 *
 * @param options.snapshot see one state of the list, that of the first look, until disposed. Dispose it
 * within minutes: the owner's write-ahead log grows as long as somebody looks at an old state.
 * @throws TocsinError `usage` when there is no such file
 */
export function openDeliveryIndexReader(
  file: string,
  options: { readonly snapshot?: boolean } = {},
): DeliveryIndexReader {
  const using: IndexFile['guarded'] = (work) => guarded(file, FORMAT.what, work);
  const db = using(() => openSqliteReadOnly(file, FORMAT));
  if (options.snapshot === true) db.exec('BEGIN');
  return readerOn(db, using);
}

function readerOn(db: DatabaseSync, using: IndexFile['guarded']): DeliveryIndexReader {
  const one = db.prepare('SELECT * FROM deliveries WHERE notification_id = ?');
  const counts = db.prepare('SELECT status, count(*) AS n FROM deliveries GROUP BY status');
  return {
    get: (notificationId) =>
      using(() => {
        const row = one.get(notificationId);
        return row && rowOf(row);
      }),
    list: (query) => using(() => listOf(db, query)),
    counts: () =>
      using(() =>
        Object.fromEntries(counts.all().map((row) => [String(row['status']), Number(row['n'])])),
      ),
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

function indexOn(owned: IndexFile): DeliveryIndex {
  const { db, guarded: using } = owned;
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
    ...readerOn(db, using),
    position: () => using(() => positionOf(place.get())),
    lastEvent: () => using(() => lastEventOf(place.get())),
    commit({ position, lastEvent, rows, marks: added }) {
      using(() => {
        transaction(db, () => {
          for (const row of rows) put.run(...valuesOf(row));
          for (const { userId, since } of added) mark.run(userId, since);
          move.run(position.commit, position.prepare, ...columnsOf(lastEvent));
        });
      });
    },
    marks: (limit) =>
      using(() =>
        marks
          .all(limit)
          .map((row) => ({ userId: String(row['user']), since: bigint(row['since']) })),
      ),
    unmark({ userId, since }) {
      using(() => unmark.run(userId, since));
    },
    [Symbol.dispose]: () => {
      owned[Symbol.dispose]();
    },
  };
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
  if (status !== undefined) return status;
  throw damaged(`a delivery has no such status: ${String(value)}`);
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

// The list of deliveries in a SQLite file, made from the log. One owner writes; readers may read at the same time.
import { DELIVERY_STATUSES } from '../../domain/delivery/effects.ts';
import type {
  DeliveryFilter,
  DeliveryGroup,
  DeliveryIndex,
  DeliveryIndexReader,
  DeliveryMinute,
  DeliveryQuery,
  DeliveryRow,
  ForgedMessages,
  ListedDelivery,
  RedriveMark,
} from '../../kernel/processes/delivery/delivery-index.ts';
import {
  indexCheckpoint,
  indexFormat,
  ownIndexFile,
  type SqliteIndexOptions,
} from './index-file.ts';
import { readFile, type DerivedFile } from './made-from-log.ts';
import {
  bigint,
  constrained,
  hasTable,
  insertInto,
  integer,
  nullable,
  oneOf,
  query,
  record,
  table,
  text,
} from './table.ts';
import { kept, transaction } from './open.ts';

const DELIVERIES = table(
  'deliveries',
  record<DeliveryRow>({
    notificationId: constrained(text, ' NOT NULL UNIQUE'),
    stream: text,
    userId: text,
    triggerType: text,
    channel: text,
    triggerId: text,
    previewId: text,
    status: oneOf(DELIVERY_STATUSES),
    attempts: integer,
    reason: nullable(text),
    dueAt: nullable(integer),
    requestedAt: integer,
    expiresAt: integer,
    changedAt: integer,
  }),
);

const LISTED = table(
  DELIVERIES.name,
  record<{ readonly row: DeliveryRow; readonly number: number }>({
    row: DELIVERIES.row,
    number: constrained(integer, ' PRIMARY KEY'),
  }),
);

const GROUPS = table(
  DELIVERIES.name,
  record<Omit<DeliveryGroup, 'count'>>({
    status: oneOf(DELIVERY_STATUSES),
    channel: text,
    reason: nullable(text),
  }),
);

/**
 * How many rows are of each status, channel and reason; kept with the rows, because metrics read it at each scrape
 * and a scan of the list would hold up the process. No reason is an empty text: a key cannot be NULL.
 */
const COUNTS = table(
  'delivery_counts',
  record<Omit<DeliveryGroup, 'reason'> & { readonly reason: string }>({
    status: oneOf(DELIVERY_STATUSES),
    channel: text,
    reason: text,
    count: integer,
  }),
);

const MINUTES = table(
  'delivery_minutes',
  record<DeliveryMinute>({ minute: integer, status: oneOf(DELIVERY_STATUSES), count: integer }),
);

const MARKS = table(
  'redrive_marks',
  record<RedriveMark>({ userId: constrained(text, ' PRIMARY KEY'), since: bigint }),
);

/** One row per reason: whoever forges can send any number. They are in no log, so a new file has none. */
const FORGED = table(
  'forged_messages',
  record<ForgedMessages>({
    reason: constrained(text, ' PRIMARY KEY'),
    count: integer,
    sequence: bigint,
    notificationId: text,
    at: integer,
  }),
);

const FORMAT = indexFormat(
  {
    applicationId: 0x54_63_64_6c, // "Tcdl"
    version: 6,
    what: 'a list of Tocsin deliveries',
  },
  `
  CREATE TABLE deliveries (${LISTED.definition});
  CREATE INDEX deliveries_by_user ON deliveries (user_id, number);
  CREATE INDEX deliveries_by_status ON deliveries (status, number, changed_at);
  CREATE INDEX deliveries_by_reason ON deliveries (status, channel, reason, number, changed_at);
  CREATE TABLE delivery_counts (${COUNTS.definition}, PRIMARY KEY (status, channel, reason)) WITHOUT ROWID;
  CREATE TABLE delivery_minutes (${MINUTES.definition}, PRIMARY KEY (minute, status)) WITHOUT ROWID;
  CREATE TABLE redrive_marks (${MARKS.definition}) WITHOUT ROWID;
  CREATE TABLE forged_messages (${FORGED.definition}) WITHOUT ROWID;
`,
);

const MAX_LIMIT = 1_000;
const MAX_GROUPS = 1_000;
/** Beyond so many, a channel or reason is no longer rare, and a scan finds a page of it soon. */
const MAX_GROUPS_READ = 50;

/**
 * Opens the list in `file` as its one owner.
 *
 * @throws TocsinError `refused` when another owns the file, or it is of another log, damaged, newer or of another format
 */
export function sqliteDeliveryIndex(options: SqliteIndexOptions): DeliveryIndex {
  return kept(ownIndexFile(options, FORMAT), indexOn);
}

/**
 * Opens the list in `file` for reading, beside its owner.
 *
 * @param options.snapshot reads the state of the first read until disposed. Dispose it within minutes: the owner's
 * write-ahead log grows meanwhile.
 * @throws TocsinError `usage` when there is no such file
 */
export function openDeliveryIndexReader(
  file: string,
  options: { readonly snapshot?: boolean } = {},
): DeliveryIndexReader {
  return kept(readFile(file, FORMAT, options), readerOn);
}

function readerOn(file: DerivedFile): DeliveryIndexReader {
  const { db, guarded } = file;
  const statement = guarded(() => ({
    one: query(db, DELIVERIES, 'FROM deliveries WHERE notification_id = ?'),
    // Format 5 had no such table.
    minutes: hasTable(db, MINUTES.name)
      ? query(db, MINUTES, 'FROM delivery_minutes WHERE minute >= ? AND minute < ? ORDER BY minute')
      : undefined,
    forged: query(db, FORGED, 'FROM forged_messages ORDER BY reason'),
    // The list grows in the order of requests.
    oldest: db.prepare(
      'SELECT requested_at AS at FROM deliveries WHERE status = ? ORDER BY number LIMIT 1',
    ),
    counts: db.prepare(
      'SELECT status, sum(count) AS n FROM delivery_counts WHERE count > 0 GROUP BY status',
    ),
  }));
  return {
    get: (notificationId) => guarded(() => statement.one.get(notificationId)),
    list: (options) => guarded(() => listOf(file, options)),
    counts: () =>
      guarded(() =>
        Object.fromEntries(
          statement.counts.all().map((row) => [String(row['status']), Number(row['n'])]),
        ),
      ),
    oldest: (statuses) =>
      guarded(() => {
        const rows = statuses.map((status) => statement.oldest.get(status));
        const times = rows.filter((row) => row !== undefined).map((row) => Number(row['at']));
        return times.length === 0 ? undefined : Math.min(...times);
      }),
    groups: (filter) => guarded(() => groupsOf(file, filter)),
    perMinute: (from, to) => guarded(() => statement.minutes?.all(from, to) ?? []),
    forgedMessages: () => guarded(() => statement.forged.all()),
    [Symbol.dispose]: () => {
      file[Symbol.dispose]();
    },
  };
}

function listOf(file: DerivedFile, options: DeliveryQuery): readonly ListedDelivery[] {
  const limit = Math.min(Math.max(1, Math.trunc(options.limit)), MAX_LIMIT);
  const groups = groupsToRead(file, options);
  if (groups === undefined) return read(file, options, limit);
  // Each group is a range of an index; a scan of the list for a rare channel or reason would read all of it.
  return groups
    .flatMap(({ status, channel, reason }) => {
      const group = { ...options, status, channel, reason: reason ?? undefined };
      return read(file, group, limit, reason === null);
    })
    .toSorted((a, b) => b.number - a.number)
    .slice(0, limit);
}

/** The groups that a filter by channel or reason leads to; `undefined` where another index serves, or they are many. */
function groupsToRead(
  file: DerivedFile,
  { status, channel, reason, userId }: DeliveryQuery,
): readonly DeliveryGroup[] | undefined {
  if (userId !== undefined || (channel === undefined && reason === undefined)) return undefined;
  const groups = groupsOf(file, { status, channel, reason });
  return groups.length > MAX_GROUPS_READ ? undefined : groups;
}

function read(
  { db }: DerivedFile,
  options: Omit<DeliveryQuery, 'limit'>,
  limit: number,
  isWithoutReason = false,
): readonly ListedDelivery[] {
  const { sql, values } = whereOf(options);
  const where = isWithoutReason ? `${sql} AND reason IS NULL` : sql;
  return query(db, LISTED, `FROM deliveries WHERE ${where} ORDER BY number DESC LIMIT ?`)
    .all(...values, limit)
    .map(({ row, number }) => ({ ...row, number }));
}

function groupsOf({ db }: DerivedFile, filter: DeliveryFilter): readonly DeliveryGroup[] {
  const { sql, values } = whereOf(filter);
  if (filter.userId === undefined && filter.since === undefined) {
    const rest = `FROM delivery_counts WHERE ${sql} AND count > 0
      ORDER BY count DESC, status, channel, reason LIMIT ${MAX_GROUPS}`;
    return query(db, COUNTS, rest)
      .all(...values)
      .map(({ reason, ...group }) => ({ ...group, reason: reason === '' ? null : reason }));
  }
  const columns = GROUPS.columns.join(', ');
  return db
    .prepare(
      `SELECT ${columns}, count(*) AS count FROM deliveries WHERE ${sql}
       GROUP BY ${columns} ORDER BY count DESC, ${columns} LIMIT ${MAX_GROUPS}`,
    )
    .all(...values)
    .map(({ status, channel, reason, count }) => ({
      ...GROUPS.read([status ?? null, channel ?? null, reason ?? null]),
      count: Number(count),
    }));
}

function whereOf({
  userId,
  status,
  channel,
  reason,
  since,
  before,
}: DeliveryFilter & Pick<Partial<DeliveryQuery>, 'before'>) {
  const filters = [
    { sql: 'user_id = ?', value: userId },
    { sql: 'status = ?', value: status },
    { sql: 'channel = ?', value: channel },
    { sql: 'reason = ?', value: reason },
    { sql: 'changed_at >= ?', value: since },
    { sql: 'number < ?', value: before },
  ].flatMap(({ sql, value }) => (value === undefined ? [] : [{ sql, value }]));
  return {
    sql: ['TRUE', ...filters.map(({ sql }) => sql)].join(' AND '),
    values: filters.map(({ value }) => value),
  };
}

function indexOn(file: DerivedFile): DeliveryIndex {
  const { db, guarded } = file;
  const reader = readerOn(file);
  const statement = guarded(() => ({
    checkpoint: indexCheckpoint(file, 'deliveries'),
    put: db.prepare(`
      ${insertInto(DELIVERIES)} ON CONFLICT (notification_id) DO UPDATE SET
        status = excluded.status, attempts = excluded.attempts, reason = excluded.reason,
        due_at = excluded.due_at, changed_at = excluded.changed_at`),
    group: query(db, GROUPS, 'FROM deliveries WHERE notification_id = ?'),
    count: db.prepare(`
      ${insertInto(COUNTS)} ON CONFLICT (status, channel, reason)
      DO UPDATE SET count = count + excluded.count`),
    minute: db.prepare(`
      ${insertInto(MINUTES)} ON CONFLICT (minute, status)
      DO UPDATE SET count = count + excluded.count`),
    forged: db.prepare(`
      ${insertInto(FORGED)} ON CONFLICT (reason) DO UPDATE SET count = count + 1,
        sequence = excluded.sequence, notification_id = excluded.notification_id, at = excluded.at`),
    mark: db.prepare(insertInto(MARKS, 'INSERT OR REPLACE')),
    marks: query(db, MARKS, 'FROM redrive_marks ORDER BY since, user_id LIMIT ?'),
    unmark: db.prepare('DELETE FROM redrive_marks WHERE user_id = ? AND since = ?'),
  }));
  const count = ({ status, channel, reason }: Omit<DeliveryGroup, 'count'>, by: number): void => {
    statement.count.run(...COUNTS.values({ status, channel, reason: reason ?? '', count: by }));
  };
  const put = (row: DeliveryRow): void => {
    const before = statement.group.get(row.notificationId);
    statement.put.run(...DELIVERIES.values(row));
    if (before === undefined) count(row, 1);
    else if (before.status !== row.status || before.reason !== row.reason) {
      count(before, -1);
      count({ ...row, channel: before.channel }, 1);
    }
  };
  return {
    ...reader,
    position: () => guarded(() => statement.checkpoint.position()),
    lastEvent: () => guarded(() => statement.checkpoint.lastEvent()),
    commit({ position, lastEvent, rows, marks, minutes = [] }) {
      guarded(() => {
        transaction(db, () => {
          rows.forEach(put);
          for (const row of minutes) statement.minute.run(...MINUTES.values(row));
          for (const mark of marks) statement.mark.run(...MARKS.values(mark));
          statement.checkpoint.move(position, lastEvent);
        });
      });
    },
    addForged: (message) => {
      guarded(() => statement.forged.run(...FORGED.values({ ...message, count: 1 })));
    },
    marks: (limit) => guarded(() => statement.marks.all(limit)),
    unmark({ userId, since }) {
      guarded(() => statement.unmark.run(userId, since));
    },
  };
}

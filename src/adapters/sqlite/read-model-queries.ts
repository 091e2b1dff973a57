// The reading half of the read model, on one connection. Every method but `dedupeKeys` has finished
// its statements when it returns, so nothing stays open while the caller awaits something.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Axis } from '../../domain/policy/policy.ts';
import type { SentNotification, SentNotificationRange } from '../../projections/read-model.ts';
import { damaged, guarded } from './read-model-errors.ts';
import { RECORDED_INDEX } from './read-model-schema.ts';
import { distinctRanges, type ReadModelTables } from './read-model-tables.ts';
import {
  bigint,
  integer,
  text,
  toCheckpoint,
  toControl,
  toNotice,
  toParked,
  toTail,
  toVerdict,
  type Row,
} from './read-model-rows.ts';

/** Ranges looked up by one statement; measured: larger ones gain nothing, one by one takes twice as long. */
const RANGES_PER_STATEMENT = 128;
/** Rows fetched at a time where a whole table is read. */
const PAGE_ROWS = 200;

const NOTICE = `n.id, n.mock, n.user, n.trigger_type, n.window_start, n.requested_at, n.recorded_at,
  n.severity, n.bypass, n.released, n.releases, n.held_at`;

// CROSS JOIN keeps the planner from scanning the notices and searching the ranges.
const noticesIn = (instant: 'requested_at' | 'recorded_at'): string => `
  WITH k (user, trigger_type, mock, from_at, to_at)
    AS (VALUES ${Array.from({ length: RANGES_PER_STATEMENT }, () => '(?, ?, ?, ?, ?)').join(', ')})
  SELECT ${NOTICE} FROM k CROSS JOIN notices AS n
    ON n.user = k.user AND n.trigger_type = k.trigger_type AND n.mock = k.mock
    AND n.${instant} >= k.from_at AND n.${instant} < k.to_at`;

// Sorted as rendered: by columns, user 10 would come after user 1, but "10:" comes before "1:". The
// odd division is a floor: SQLite's own cuts towards zero, and a phase can begin a window before 1970.
const DEDUPE_KEYS = `
  SELECT user || ':' || trigger_type || ':' || strftime('%Y-%m-%dT%H:%M:%SZ',
    (window_start - (window_start % 1000 + 1000) % 1000) / 1000, 'unixepoch') AS line
  FROM notices ORDER BY line`;

/**
 * Prepares the reading statements on `db`.
 *
 * @param what the file as errors name it
 * @param options.mayWrite an index that only some logs need is made when it is first needed
 */
export function readModelQueries(
  db: DatabaseSync,
  what: string,
  options: { readonly mayWrite?: boolean } = {},
): ReadModelTables {
  const prepare = (sql: string): StatementSync => guarded(what, () => db.prepare(sql));
  const prepare64 = (sql: string): StatementSync => {
    const statement = prepare(sql);
    statement.setReadBigInts(true);
    return statement;
  };
  const checkpoint = prepare64('SELECT * FROM checkpoint');
  const byRequested = prepare(noticesIn('requested_at'));
  let byRecorded: StatementSync | undefined;
  const noticeNamed = prepare(`
    SELECT ${NOTICE} FROM notices AS n
    WHERE n.user = ? AND n.trigger_type = ? AND n.mock = ? AND n.id = ?`);
  const tailAfter = prepare64('SELECT * FROM tail WHERE sequence > ? ORDER BY sequence');
  const lastTail = prepare64('SELECT * FROM tail ORDER BY sequence DESC LIMIT 1');
  const parked = prepare64('SELECT * FROM parked ORDER BY rowid');
  const parkedCount = prepare('SELECT count(*) AS parked FROM parked');
  const control = prepare64('SELECT * FROM control ORDER BY revision');
  const reasons = prepare(`
    SELECT reason, sum(requests) AS requests FROM reasons
    WHERE verdict <> 'published' AND requests > 0 GROUP BY reason ORDER BY reason`);
  const pageOf = (table: string): StatementSync =>
    prepare64(`SELECT rowid, * FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT ${PAGE_ROWS}`);
  const verdictAt = prepare64(
    'SELECT * FROM verdicts WHERE position_commit = ? AND position_prepare = ? LIMIT 1',
  );
  // The condition and the expression are the index's own; otherwise SQLite would not use it.
  const verdictOfMessage = prepare64(`
    SELECT * FROM verdicts WHERE message_id IS NOT NULL AND substr(message_id, 1, 8) = ?
      AND message_id = ? LIMIT 1`);
  const [verdictsFrom, verdictsUpTo] = [
    ['>=', 'ASC'],
    ['<=', 'DESC'],
  ].map(([comparison = '', order = '']) =>
    prepare64(`
      SELECT * FROM verdicts INDEXED BY verdicts_by_user WHERE user = ? AND window_start ${comparison} ?
      ORDER BY window_start ${order}, rowid ${order} LIMIT ?`),
  );
  const noticesPage = pageOf('notices');
  const verdictsPage = pageOf('verdicts');

  return {
    checkpoint: () =>
      guarded(what, () => {
        const row = checkpoint.get();
        if (row === undefined) throw damaged(what, 'its checkpoint is gone');
        return toCheckpoint(row);
      }),
    sentNotificationsIn: (ranges) =>
      guarded(what, () => {
        const distinct = distinctRanges(ranges);
        const on = (axis: Axis) => distinct.filter((range) => range.axis === axis);
        const notices = noticesAmong(byRequested, on('requestedAt'));
        const recorded = on('recordedAt');
        if (recorded.length === 0) return notices;
        if (byRecorded === undefined && options.mayWrite === true) db.exec(RECORDED_INDEX);
        byRecorded ??= prepare(noticesIn('recorded_at'));
        return [...notices, ...noticesAmong(byRecorded, recorded)];
      }),
    sentNotificationsById: (refs) =>
      guarded(what, () =>
        refs.flatMap(({ user, triggerType, mock, id }) =>
          noticeNamed.all(user, triggerType, mock ? 1 : 0, id).map(toNotice),
        ),
      ),
    recentMessagesAfter: (sequence) => guarded(what, () => tailAfter.all(sequence).map(toTail)),
    lastRecentMessage: () =>
      guarded(what, () => {
        const row = lastTail.get();
        return row === undefined ? undefined : toTail(row);
      }),
    parked: () => guarded(what, () => parked.all().map(toParked)),
    parkedCount: () =>
      guarded(what, () => optional(parkedCount.get(), (row) => integer(row, 'parked')) ?? 0),
    controlRows: () => guarded(what, () => control.all().map(toControl)),
    reasons: () =>
      guarded(
        what,
        () => new Map(reasons.all().map((row) => [text(row, 'reason'), integer(row, 'requests')])),
      ),
    dedupeKeys: () => dedupeKeys(db, what),
    noticesBy: (order, axis) => noticesBy(db, what, order, axis),
    verdictAt: ({ commit, prepare: part }) =>
      guarded(what, () => optional(verdictAt.get(commit, part), toVerdict)),
    verdictOfMessage: (id) =>
      guarded(what, () => optional(verdictOfMessage.get(id.slice(0, 8), id), toVerdict)),
    verdictsAbout: (user, { direction, windowStart, limit }) =>
      guarded(what, () => {
        const statement = direction === 'forwards' ? verdictsFrom : verdictsUpTo;
        return statement?.all(user, windowStart, limit).map(toVerdict) ?? [];
      }),
    notices: () => pages(what, noticesPage, toNotice),
    verdicts: () => pages(what, verdictsPage, toVerdict),
  };
}

function noticesAmong(
  statement: StatementSync,
  ranges: readonly SentNotificationRange[],
): SentNotification[] {
  const notices: SentNotification[] = [];
  for (let start = 0; start < ranges.length; start += RANGES_PER_STATEMENT) {
    const values: (string | number | null)[] = [];
    for (const range of ranges.slice(start, start + RANGES_PER_STATEMENT)) {
      const { user, triggerType, mock, from, to } = range;
      values.push(user, triggerType, mock ? 1 : 0, from, to);
    }
    // The statement has a fixed number of places; what is left stays null and equals nothing.
    while (values.length < RANGES_PER_STATEMENT * 5) values.push(null);
    for (const row of statement.all(...values)) notices.push(toNotice(row));
  }
  return notices;
}

function* pages<T>(what: string, page: StatementSync, map: (row: Row) => T): Iterable<T> {
  let after = 0n;
  for (;;) {
    const rows = guarded(what, () => page.all(after));
    yield* guarded(what, () => rows.map(map));
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    after = bigint(last, 'rowid');
  }
}

/** Sorted by SQLite, in portions and temporary files. Nothing may be committed on `db` meanwhile. */
function* noticesBy(
  db: DatabaseSync,
  what: string,
  order: 'subject' | 'time',
  axis: Axis,
): Iterable<SentNotification> {
  const instant = axis === 'requestedAt' ? 'requested_at' : 'recorded_at';
  const columns = order === 'subject' ? `user, trigger_type, ${instant}` : instant;
  const sql = `SELECT ${NOTICE} FROM notices AS n WHERE n.mock = 0 ORDER BY ${columns}, id`;
  const rows = guarded(what, () => db.prepare(sql).iterate());
  try {
    for (;;) {
      const next = guarded(what, () => rows.next());
      if (next.done === true) return;
      yield guarded(what, () => toNotice(next.value));
    }
  } finally {
    rows.return?.();
  }
}

function* dedupeKeys(db: DatabaseSync, what: string): Iterable<string> {
  const rows = guarded(what, () => db.prepare(DEDUPE_KEYS).iterate());
  try {
    for (;;) {
      const next = guarded(what, () => rows.next());
      if (next.done === true) return;
      yield text(next.value, 'line');
    }
  } finally {
    rows.return?.();
  }
}

function optional<T>(row: Row | undefined, map: (row: Row) => T): T | undefined {
  return row === undefined ? undefined : map(row);
}

// Finds the sent notifications within ranges of instants, many ranges per statement.
import type { DatabaseSync } from 'node:sqlite';
import type { SentNotification, SentNotificationRange } from '../../projections/read-model.ts';
import { LATER_INDEXES } from './read-model-format.ts';
import { SENT_NOTIFICATIONS } from './read-model-tables.ts';
import { query, type Query } from './table.ts';

type Values = (string | number | null)[];

/** Ranges per statement. Measured: more are not faster; single ranges take twice as long. */
const RANGES_PER_STATEMENT = 128;

/** How ranges of one kind are found: by these columns, and between two instants. */
type RangeKind = {
  readonly columns: readonly string[];
  readonly instant: 'requested_at' | 'recorded_at';
  /** Adds the values of the columns. */
  readonly bind: (range: SentNotificationRange, into: Values) => void;
  /** An index that only some logs need. */
  readonly index?: string;
};

const SUBJECT = ['user', 'trigger_type', 'mock'];
const TARGET = [...SUBJECT, 'target_type', 'target_id'];

function bindSubject({ user, triggerType, mock }: SentNotificationRange, into: Values): void {
  into.push(user, triggerType, mock ? 1 : 0);
}

function bindTarget(range: SentNotificationRange, into: Values): void {
  bindSubject(range, into);
  into.push(range.target?.targetType ?? null, range.target?.targetId ?? null);
}

const SUBJECT_REQUESTED: RangeKind = {
  columns: SUBJECT,
  instant: 'requested_at',
  bind: bindSubject,
};
const SUBJECT_RECORDED: RangeKind = {
  columns: SUBJECT,
  instant: 'recorded_at',
  bind: bindSubject,
  index: LATER_INDEXES.recorded,
};
const TARGET_REQUESTED: RangeKind = {
  columns: TARGET,
  instant: 'requested_at',
  bind: bindTarget,
  index: LATER_INDEXES.targetRequested,
};
const TARGET_RECORDED: RangeKind = {
  columns: TARGET,
  instant: 'recorded_at',
  bind: bindTarget,
  index: LATER_INDEXES.targetRecorded,
};

function kindOf({ axis, target }: SentNotificationRange): RangeKind {
  if (target === null) return axis === 'requestedAt' ? SUBJECT_REQUESTED : SUBJECT_RECORDED;
  return axis === 'requestedAt' ? TARGET_REQUESTED : TARGET_RECORDED;
}

/** @param mayWrite creates an index at the first use of it */
export function sentNotificationRanges(
  db: DatabaseSync,
  mayWrite: boolean,
): (ranges: readonly SentNotificationRange[]) => SentNotification[] {
  const queries = new Map<RangeKind, Query<SentNotification>>();
  const queryOf = (kind: RangeKind): Query<SentNotification> => {
    let prepared = queries.get(kind);
    if (prepared === undefined) {
      if (kind.index !== undefined && mayWrite) db.exec(kind.index);
      prepared = prepare(db, kind);
      queries.set(kind, prepared);
    }
    return prepared;
  };
  return (ranges) =>
    [...Map.groupBy(distinctRanges(ranges), kindOf)].flatMap(([kind, some]) =>
      among(queryOf(kind), kind, some),
    );
}

function prepare(db: DatabaseSync, { columns, instant }: RangeKind): Query<SentNotification> {
  const marks = `(${Array.from({ length: columns.length + 2 }, () => '?').join(', ')})`;
  const ranges = `
    WITH k (${columns.map((column) => `of_${column}`).join(', ')}, from_at, to_at)
      AS (VALUES ${Array.from({ length: RANGES_PER_STATEMENT }, () => marks).join(', ')})`;
  // CROSS JOIN keeps the planner from scanning the notifications and searching the ranges.
  const within = `
    FROM k CROSS JOIN sent_notifications
      ON ${columns.map((column) => `${column} = of_${column}`).join(' AND ')}
      AND ${instant} >= from_at AND ${instant} < to_at`;
  return query(db, SENT_NOTIFICATIONS, within, ranges);
}

function among(
  within: Query<SentNotification>,
  { columns, bind }: RangeKind,
  ranges: readonly SentNotificationRange[],
): SentNotification[] {
  const found: SentNotification[] = [];
  for (let start = 0; start < ranges.length; start += RANGES_PER_STATEMENT) {
    const values: Values = [];
    for (const range of ranges.slice(start, start + RANGES_PER_STATEMENT)) {
      bind(range, values);
      values.push(range.from, range.to);
    }
    // The statement has a fixed number of ranges; the others are null and match nothing.
    while (values.length < RANGES_PER_STATEMENT * (columns.length + 2)) values.push(null);
    for (const row of within.all(...values)) found.push(row);
  }
  return found;
}

/** Each range once, in the order of its first mention. */
function distinctRanges(ranges: readonly SentNotificationRange[]): SentNotificationRange[] {
  const distinct = new Map<string, SentNotificationRange>();
  for (const range of ranges) {
    const { user, triggerType, mock, axis, from, to, target } = range;
    const about = target === null ? '' : `\n${target.targetType}\n${target.targetId}`;
    distinct.set(`${user}\n${triggerType}\n${mock}\n${axis}\n${from}\n${to}${about}`, range);
  }
  return [...distinct.values()];
}

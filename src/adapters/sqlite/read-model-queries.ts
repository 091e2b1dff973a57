// The reading half of the read model, on one connection. Every method but `dedupeKeys` has finished
// its statements when it returns, so nothing stays open while the caller awaits something.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Notice, WindowKey } from '../../projections/ports.ts';
import { damaged, guarded } from './read-model-errors.ts';
import { distinctWindows, type ReadModelTables } from './read-model-tables.ts';
import {
  bigint,
  integer,
  text,
  toCheckpoint,
  toNotice,
  toParked,
  toTail,
  toVerdict,
  type Row,
} from './read-model-rows.ts';

/** Windows looked up by one statement; measured: larger ones gain nothing, one by one takes twice as long. */
const KEYS_PER_STATEMENT = 128;
/** Rows fetched at a time where a whole table is read. */
const PAGE_ROWS = 1_000;

const NOTICE =
  'n.id, n.mock, n.user, n.trigger_type, n.window_start, n.requested_at, n.recorded_at';

// CROSS JOIN keeps the planner from scanning the notices and searching the keys.
const NOTICES_OF = `
  WITH k (user, trigger_type, mock, window_start)
    AS (VALUES ${Array.from({ length: KEYS_PER_STATEMENT }, () => '(?, ?, ?, ?)').join(', ')})
  SELECT ${NOTICE} FROM k CROSS JOIN notices AS n
    ON n.user = k.user AND n.trigger_type = k.trigger_type
    AND n.mock = k.mock AND n.window_start = k.window_start`;

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
 */
export function readModelQueries(db: DatabaseSync, what: string): ReadModelTables {
  const prepare = (sql: string): StatementSync => guarded(what, () => db.prepare(sql));
  const prepare64 = (sql: string): StatementSync => {
    const statement = prepare(sql);
    statement.setReadBigInts(true);
    return statement;
  };
  const checkpoint = prepare64('SELECT * FROM checkpoint');
  const noticesOf = prepare(NOTICES_OF);
  const tailAfter = prepare64('SELECT * FROM tail WHERE sequence > ? ORDER BY sequence');
  const lastTail = prepare64('SELECT * FROM tail ORDER BY sequence DESC LIMIT 1');
  const parked = prepare64('SELECT * FROM parked ORDER BY rowid');
  const reasons = prepare(`
    SELECT reason, sum(requests) AS requests FROM reasons
    WHERE verdict <> 'published' AND requests > 0 GROUP BY reason ORDER BY reason`);
  const pageOf = (table: string): StatementSync =>
    prepare64(`SELECT rowid, * FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT ${PAGE_ROWS}`);
  const noticesPage = pageOf('notices');
  const verdictsPage = pageOf('verdicts');

  return {
    checkpoint: () =>
      guarded(what, () => {
        const row = checkpoint.get();
        if (row === undefined) throw damaged(what, 'its checkpoint is gone');
        return toCheckpoint(row);
      }),
    noticesOf: (keys) => guarded(what, () => noticesAmong(noticesOf, keys)),
    tailAfter: (sequence) => guarded(what, () => tailAfter.all(sequence).map(toTail)),
    lastTail: () =>
      guarded(what, () => {
        const row = lastTail.get();
        return row === undefined ? undefined : toTail(row);
      }),
    parked: () => guarded(what, () => parked.all().map(toParked)),
    reasons: () =>
      guarded(
        what,
        () => new Map(reasons.all().map((row) => [text(row, 'reason'), integer(row, 'requests')])),
      ),
    dedupeKeys: () => dedupeKeys(db, what),
    notices: () => pages(what, noticesPage, toNotice),
    verdicts: () => pages(what, verdictsPage, toVerdict),
  };
}

function noticesAmong(statement: StatementSync, keys: readonly WindowKey[]): readonly Notice[] {
  const distinct = [...distinctWindows(keys).values()];
  const notices: Notice[] = [];
  for (let start = 0; start < distinct.length; start += KEYS_PER_STATEMENT) {
    const values: (string | number | null)[] = [];
    for (const key of distinct.slice(start, start + KEYS_PER_STATEMENT)) {
      values.push(key.user, key.triggerType, key.mock ? 1 : 0, key.windowStart);
    }
    // The statement has a fixed number of places; what is left stays null and equals nothing.
    while (values.length < KEYS_PER_STATEMENT * 4) values.push(null);
    for (const row of statement.all(...values)) notices.push(toNotice(row));
  }
  return notices;
}

function* pages<T>(what: string, page: StatementSync, map: (row: Row) => T): Iterable<T> {
  let after = 0n;
  for (;;) {
    const rows = guarded(what, () => page.all(after));
    for (const row of rows) yield guarded(what, () => map(row));
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    after = bigint(last, 'rowid');
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

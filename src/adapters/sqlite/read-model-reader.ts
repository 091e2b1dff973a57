// The reading half of the read model. Only the iterators keep a statement open while their caller waits.
import { MAX_INSTANT } from '../../domain/core/instants.ts';
import type { ReadModelTables, VerdictPlace } from '../../projections/audit/reading/ports.ts';
import { damaged, temporaryFile, type DerivedFile } from './made-from-log.ts';
import { LATER_INDEXES, READ_MODEL_FORMAT } from './read-model-format.ts';
import {
  CHECKPOINT,
  CONTROL,
  MUTED_REQUESTS,
  PARKED,
  REASONS,
  RECENT_MESSAGES,
  SENT_NOTIFICATIONS,
  SUPPRESSED_KEY,
  SUPPRESSED_REQUESTS,
  VERDICT_MINUTES,
  VERDICTS,
} from './read-model-tables.ts';
import { schemaFaults } from './schema-faults.ts';
import { sentNotificationRanges } from './sent-notification-ranges.ts';
import { suppressedRequestsFinder } from './suppressed-requests.ts';
import { bigint, hasTable, query, record, table, type Query, type Table } from './table.ts';

const PAGE_ROWS = 200;

const NUMBERED_VERDICTS = numbered(VERDICTS);

/** After every row. */
const LAST_PLACE: VerdictPlace = { number: 2n ** 62n, windowStart: MAX_INSTANT };

/** An id as a part of a key, as `encodeKeyPart` has it: ids are visible ASCII. */
const keyPart = (column: string): string => `replace(replace(${column}, '%', '%25'), ':', '%3A')`;

// As `dedupeKeyOf` has them. Sorted as rendered: "10:" comes before "1:". The odd division is a floor, since a window
// may begin before 1970.
const DEDUPE_KEYS = `
  SELECT ${keyPart('user')} || ':' || trigger_type || ':' ||
    CASE per WHEN 'request' THEN id ELSE
      CASE per WHEN 'target' THEN target_type || ':' || ${keyPart('target_id')} || ':' ELSE '' END ||
      strftime('%Y-%m-%dT%H:%M:%SZ',
        (window_start - (window_start % 1000 + 1000) % 1000) / 1000, 'unixepoch')
    END AS line
  FROM sent_notifications ORDER BY line`;

/** Prepares a statement at its first use: one that needs an index fails in a file without it. */
function lazy<T>(prepare: () => T): () => T {
  let prepared: T | undefined;
  return () => (prepared ??= prepare());
}

/** @param options.mayWrite creates an index that only some logs need, at its first use */
export function readModelReader(
  file: DerivedFile,
  options: { readonly mayWrite?: boolean } = {},
): ReadModelTables {
  const { db, guarded } = file;
  const select = <T>(table: Table<T>, rest = '', from = `FROM ${table.name}`): Query<T> =>
    query(db, table, `${from} ${rest}`);
  const prepared = guarded(() => ({
    checkpoint: select(CHECKPOINT),
    named: select(
      SENT_NOTIFICATIONS,
      'WHERE user = ? AND trigger_type = ? AND mock = ? AND id = ?',
    ),
    messagesAfter: select(RECENT_MESSAGES, 'WHERE sequence > ? ORDER BY sequence'),
    lastMessage: select(RECENT_MESSAGES, 'ORDER BY sequence DESC LIMIT 1'),
    parked: select(PARKED, 'ORDER BY rowid'),
    muted: select(MUTED_REQUESTS, 'WHERE event = ?'),
    control: select(CONTROL, 'ORDER BY revision'),
    reasons: select(REASONS, "WHERE verdict <> 'published' AND requests > 0 ORDER BY reason"),
    verdictAt: select(VERDICTS, 'WHERE position_commit = ? AND position_prepare = ? LIMIT 1'),
    // The condition and the expression are those of the index; otherwise SQLite would not use it.
    verdictOfMessage: select(
      VERDICTS,
      `WHERE message_id IS NOT NULL AND substr(message_id, 1, 8) = ? AND message_id = ? LIMIT 1`,
    ),
    publishedAfter: lazy(() =>
      select(
        VERDICTS,
        `INDEXED BY verdicts_by_position
         WHERE (position_commit, position_prepare) > (?, ?) AND verdict = 'published'
         ORDER BY position_commit, position_prepare LIMIT ?`,
      ),
    ),
    verdictsFrom: lazy(() =>
      select(
        VERDICTS,
        `INDEXED BY verdicts_by_user WHERE user = ? AND window_start >= ?
         ORDER BY window_start, rowid LIMIT ?`,
      ),
    ),
    newest: query(
      db,
      NUMBERED_VERDICTS,
      'FROM verdicts WHERE rowid < ? ORDER BY rowid DESC LIMIT ?',
    ),
    newestOfUser: lazy(() =>
      query(
        db,
        NUMBERED_VERDICTS,
        `FROM verdicts INDEXED BY verdicts_by_user
         WHERE user = ? AND window_start <= ? AND (window_start < ? OR rowid < ?)
         ORDER BY window_start DESC, rowid DESC LIMIT ?`,
      ),
    ),
    verdictsUpTo: lazy(() =>
      select(
        VERDICTS,
        `INDEXED BY verdicts_by_user WHERE user = ? AND window_start <= ?
         ORDER BY window_start DESC, rowid DESC LIMIT ?`,
      ),
    ),
  }));
  // A reader may see a file of the format before, which has no minutes, until its owner upgrades it.
  const minutes = guarded(() =>
    hasTable(db, VERDICT_MINUTES.name)
      ? select(VERDICT_MINUTES, 'WHERE minute >= ? AND minute < ? ORDER BY minute, verdict')
      : undefined,
  );
  const parkedCount = guarded(() => db.prepare('SELECT count(*) AS n FROM parked'));
  const rangesOf = sentNotificationRanges(db, options.mayWrite === true);
  const suppressedOf = guarded(() => suppressedRequestsFinder(db));

  return {
    checkpoint: () =>
      guarded(() => {
        const row = prepared.checkpoint.get();
        if (row === undefined) throw damaged(`${file.name} is damaged: its checkpoint is gone`);
        return row ?? undefined;
      }),
    sentNotificationsIn: (ranges) => guarded(() => rangesOf(ranges)),
    sentNotificationsById: (refs) =>
      guarded(() =>
        refs.flatMap(({ user, triggerType, mock, id }) =>
          prepared.named.all(user, triggerType, mock ? 1 : 0, id),
        ),
      ),
    mutedRequestsOf: (events) =>
      guarded(() => events.flatMap((event) => prepared.muted.get(event) ?? [])),
    suppressedRequestsOf: (keys) => guarded(() => suppressedOf(keys)),
    recentMessagesAfter: (sequence) => guarded(() => prepared.messagesAfter.all(sequence)),
    lastRecentMessage: () => guarded(() => prepared.lastMessage.get()),
    parked: () => guarded(() => prepared.parked.all()),
    parkedCount: () => guarded(() => Number(parkedCount.get()?.['n'])),
    controlRows: () => guarded(() => prepared.control.all()),
    schemaFaults: () =>
      guarded(() => {
        using fresh = temporaryFile(':memory:', 'a new read model', READ_MODEL_FORMAT);
        const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
        // Its owner upgrades a file of format 1, which has no minutes.
        if (version === 1) fresh.db.exec(`DROP TABLE ${VERDICT_MINUTES.name}`);
        return schemaFaults(db, fresh.db, Object.values(LATER_INDEXES));
      }),
    reasons: () => {
      const counts = new Map<string, number>();
      for (const { reason, requests } of guarded(() => prepared.reasons.all())) {
        counts.set(reason, (counts.get(reason) ?? 0) + requests);
      }
      return counts;
    },
    dedupeKeys: function* () {
      const rows = guarded(() => db.prepare(DEDUPE_KEYS).iterate());
      for (const row of stepwise(file, rows)) yield String(row['line']);
    },
    sentNotificationsBy: (order, axis) => {
      const instant = axis === 'requestedAt' ? 'requested_at' : 'recorded_at';
      const by = order === 'subject' ? `user, trigger_type, ${instant}` : instant;
      // SQLite sorts in portions and temporary files. Nothing may be committed on `db` meanwhile.
      const rows = guarded(() => select(SENT_NOTIFICATIONS, `WHERE mock = 0 ORDER BY ${by}, id`));
      return stepwise(file, rows.iterate());
    },
    verdictAt: ({ commit, prepare }) => guarded(() => prepared.verdictAt.get(commit, prepare)),
    verdictOfMessage: (id) => guarded(() => prepared.verdictOfMessage.get(id.slice(0, 8), id)),
    publishedAfter: ({ commit, prepare }, limit) =>
      guarded(() => prepared.publishedAfter().all(commit, prepare, limit)),
    verdictsAbout: (user, { direction, windowStart, limit }) => {
      const verdicts = prepared[direction === 'forwards' ? 'verdictsFrom' : 'verdictsUpTo'];
      return guarded(() => verdicts().all(user, windowStart, limit));
    },
    verdictsBefore: ({ user, place = LAST_PLACE, limit }) =>
      guarded(() => {
        const { number, windowStart: start } = place;
        const rows =
          user === undefined
            ? prepared.newest.all(number, limit)
            : prepared.newestOfUser().all(user, start, start, number, limit);
        return rows.map(({ row, rowid }) => ({ row, number: rowid }));
      }),
    verdictMinutes: (from, to) => guarded(() => minutes?.all(from, to) ?? []),
    sentNotifications: () => pages(file, SENT_NOTIFICATIONS),
    verdicts: () => pages(file, VERDICTS),
    mutedRequests: () =>
      stepwise(
        file,
        guarded(() => select(MUTED_REQUESTS, 'ORDER BY event').iterate()),
      ),
    suppressedRequests: () => {
      const order = `ORDER BY ${SUPPRESSED_KEY.join(', ')}`;
      return stepwise(
        file,
        guarded(() => select(SUPPRESSED_REQUESTS, order).iterate()),
      );
    },
  };
}

function numbered<T>({ name, row }: Table<T>): Table<{ readonly row: T; readonly rowid: bigint }> {
  return table(name, record<{ row: T; rowid: bigint }>({ row, rowid: bigint }));
}

/** A whole table in the order of its rowids, a page at a time. */
function* pages<T>({ db, guarded }: DerivedFile, from: Table<T>): Generator<T, void, undefined> {
  const rest = `FROM ${from.name} WHERE rowid > ? ORDER BY rowid LIMIT ${PAGE_ROWS}`;
  const page = guarded(() => query(db, numbered(from), rest));
  for (let after = 0n; ;) {
    const start = after;
    const rows = guarded(() => page.all(start));
    for (const { row } of rows) yield row;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    after = last.rowid;
  }
}

/** The rows of an open statement; each step is guarded, and the statement ends with the iteration. */
function* stepwise<T>({ guarded }: DerivedFile, rows: Iterator<T>): Generator<T, void, undefined> {
  try {
    for (;;) {
      const next = guarded(() => rows.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    rows.return?.();
  }
}

// A read model in memory, for tests and simulations: the same promises as the one on disk, without
// a file. Everything is held, so it is not for long logs.
import { formatInstantSeconds } from '../../domain/core/instants.ts';
import { comparePositions } from '../../domain/core/positions.ts';
import { subjectText } from '../../projections/dedupe/subjects.ts';
import type { Axis } from '../../domain/policy/policy.ts';
import type {
  Checkpoint,
  ControlRow,
  SentNotification,
  NotificationSubject,
  ParkedRow,
  ReadModel,
  ReadModelCommit,
  RecentMessageRow,
  VerdictRow,
} from '../../projections/read-model.ts';
import {
  assertCommit,
  ownershipLost,
  readModelClosed,
  TAIL_LIMIT,
} from '../sqlite/read-model-commit.ts';
import {
  distinctRanges,
  snapshotOf,
  type ReadModelSnapshot,
  type ReadModelTables,
} from '../sqlite/read-model-tables.ts';

/** A read model that can show all it holds. */
export type MemoryReadModel = ReadModel &
  ReadModelTables & { readonly snapshot: () => ReadModelSnapshot };

/** What outlives an owner, as a file does. */
export type MemoryReadModelStore = {
  /**
   * A read model on this store. It takes over at once, like a process that starts after another was
   * killed: from then on every commit of an earlier one is refused.
   */
  readonly open: () => MemoryReadModel;
  /** Everything committed so far, without owning it. */
  readonly snapshot: () => ReadModelSnapshot;
};

type Contents = {
  checkpoint: Checkpoint | undefined;
  /** By id, in the order in which they were let through. */
  readonly notices: Map<string, SentNotification>;
  /** The ids of each subject's notices. */
  readonly bySubject: Map<string, string[]>;
  readonly verdicts: Map<string, VerdictRow>;
  tail: RecentMessageRow[];
  readonly parked: Map<string, ParkedRow>;
  readonly control: ControlRow[];
};

const WHAT = 'the read model in memory';

/** A store for read models in memory, to open again and again. */
export function memoryReadModelStore(): MemoryReadModelStore {
  let contents = empty();
  let owner: symbol | undefined;
  const tables = tablesOf(() => contents);

  return {
    snapshot: () => snapshotOf(tables),
    open() {
      const me = Symbol();
      owner = me;
      let left = contents.checkpoint?.sequence;
      let open = true;
      const assertOpen = (): void => {
        if (!open) throw readModelClosed(WHAT);
      };
      const assertOwner = (): void => {
        assertOpen();
        if (owner !== me || contents.checkpoint?.sequence !== left) throw ownershipLost(WHAT);
      };
      return {
        ...tablesOf(() => {
          assertOpen();
          return contents;
        }),
        snapshot: () => snapshotOf(tables),
        commit(commit) {
          assertCommit(commit);
          assertOwner();
          apply(contents, commit);
          left = commit.checkpoint.sequence;
        },
        reset() {
          assertOwner();
          contents = empty();
          left = undefined;
        },
        [Symbol.dispose]() {
          open = false;
        },
      };
    },
  };
}

/** A read model in memory that nobody shares. */
export function memoryReadModel(): MemoryReadModel {
  return memoryReadModelStore().open();
}

function empty(): Contents {
  return {
    checkpoint: undefined,
    notices: new Map(),
    bySubject: new Map(),
    verdicts: new Map(),
    tail: [],
    parked: new Map(),
    control: [],
  };
}

/** Cannot fail half-way: what could be wrong with a commit was checked before. */
function apply(contents: Contents, commit: ReadModelCommit): void {
  for (const notice of commit.sentNotifications) {
    contents.notices.set(notice.id, notice);
    const subject = subjectText(notice);
    const ids = contents.bySubject.get(subject);
    if (ids === undefined) contents.bySubject.set(subject, [notice.id]);
    else ids.push(notice.id);
  }
  for (const notice of commit.amended) contents.notices.set(notice.id, notice);
  for (const verdict of commit.verdicts) {
    // Decided again: it takes its place among the newest.
    contents.verdicts.delete(verdict.event);
    contents.verdicts.set(verdict.event, verdict);
  }
  contents.tail = nextTail(contents, commit);
  for (const event of commit.unparked) contents.parked.delete(event);
  for (const row of commit.parked) {
    contents.parked.delete(row.event);
    contents.parked.set(row.event, row);
  }
  contents.control.push(...(commit.control ?? []));
  contents.checkpoint = commit.checkpoint;
}

function nextTail(contents: Contents, commit: ReadModelCommit): RecentMessageRow[] {
  const sameList = contents.checkpoint?.output === commit.checkpoint.output;
  const before = sameList ? contents.tail : [];
  const first = commit.recentMessages[0];
  const last = commit.recentMessages.at(-1);
  if (first === undefined || last === undefined) return before;
  const kept = before.filter((row) => row.sequence < first.sequence);
  return [...kept, ...commit.recentMessages].filter(
    (row) => row.sequence > last.sequence - TAIL_LIMIT,
  );
}

function tablesOf(contents: () => Contents): ReadModelTables {
  return {
    checkpoint: () => contents().checkpoint,
    sentNotificationsIn: (ranges) =>
      distinctRanges(ranges).flatMap((range) =>
        noticesOf(contents(), range).filter((notice) => {
          const at = notice[range.axis];
          return range.from <= at && at < range.to;
        }),
      ),
    sentNotificationsById: (refs) =>
      refs.flatMap((ref) => noticesOf(contents(), ref).filter(({ id }) => id === ref.id)),
    recentMessagesAfter: (sequence) => contents().tail.filter((row) => row.sequence > sequence),
    lastRecentMessage: () => contents().tail.at(-1),
    parked: () => [...contents().parked.values()],
    parkedCount: () => contents().parked.size,
    reasons: () => reasonsOf(contents().verdicts.values()),
    dedupeKeys: () => dedupeKeysOf([...contents().notices.values()]),
    noticesBy: (order, axis) => sorted([...contents().notices.values()], order, axis),
    notices: () => [...contents().notices.values()],
    verdicts: () => [...contents().verdicts.values()],
    controlRows: () => [...contents().control],
    verdictAt: (position) =>
      [...contents().verdicts.values()].find(
        (row) => comparePositions(row.position, position) === 0,
      ),
    verdictOfMessage: (id) =>
      [...contents().verdicts.values()].find(({ messageId }) => messageId === id),
    verdictsAbout: (user, span) => verdictsAbout([...contents().verdicts.values()], user, span),
  };
}

function noticesOf(
  { notices, bySubject }: Contents,
  subject: NotificationSubject,
): readonly SentNotification[] {
  const ids = bySubject.get(subjectText(subject)) ?? [];
  return ids.flatMap((id) => notices.get(id) ?? []);
}

function reasonsOf(verdicts: Iterable<VerdictRow>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { verdict, reason } of verdicts) {
    if (verdict !== 'published') counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return new Map([...counts].sort(([a], [b]) => bytewise(a, b)));
}

function sorted(
  notices: readonly SentNotification[],
  order: 'subject' | 'time',
  axis: Axis,
): SentNotification[] {
  const keyOf = (notice: SentNotification): string =>
    order === 'time' ? '' : `${notice.user} ${notice.triggerType}`;
  return notices
    .filter(({ mock }) => !mock)
    .sort((a, b) => {
      const [one, other] = [keyOf(a), keyOf(b)];
      if (one !== other) return one < other ? -1 : 1;
      return a[axis] - b[axis] || (a.id < b.id ? -1 : 1);
    });
}

function dedupeKeysOf(notices: readonly SentNotification[]): readonly string[] {
  return notices
    .map((n) => `${n.user}:${n.triggerType}:${formatInstantSeconds(n.windowStart)}`)
    .sort(bytewise);
}

function bytewise(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function verdictsAbout(
  verdicts: readonly VerdictRow[],
  user: string,
  { direction, windowStart, limit }: Parameters<ReadModelTables['verdictsAbout']>[1],
): readonly VerdictRow[] {
  const own = verdicts.filter((row) => row.user === user && row.windowStart !== null);
  const sorted = own.toSorted((a, b) => (a.windowStart ?? 0) - (b.windowStart ?? 0));
  return direction === 'forwards'
    ? sorted.filter((row) => (row.windowStart ?? 0) >= windowStart).slice(0, limit)
    : sorted
        .toReversed()
        .filter((row) => (row.windowStart ?? 0) <= windowStart)
        .slice(0, limit);
}

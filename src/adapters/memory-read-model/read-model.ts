// A read model in memory, for tests and simulations: the same promises as the one on disk, without
// a file. Everything is held, so it is not for long logs.
import { formatInstantSeconds } from '../../domain/core/instants.ts';
import type {
  Checkpoint,
  Notice,
  ParkedRow,
  ReadModel,
  ReadModelCommit,
  TailRow,
  VerdictRow,
} from '../../projections/ports.ts';
import {
  assertCommit,
  ownershipLost,
  readModelClosed,
  TAIL_LIMIT,
} from '../sqlite/read-model-commit.ts';
import {
  distinctWindows,
  snapshotOf,
  windowText,
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
  readonly notices: Notice[];
  /** The same by window; a window that was released may hold several. */
  readonly byWindow: Map<string, Notice[]>;
  readonly verdicts: Map<string, VerdictRow>;
  tail: TailRow[];
  readonly parked: Map<string, ParkedRow>;
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
    notices: [],
    byWindow: new Map(),
    verdicts: new Map(),
    tail: [],
    parked: new Map(),
  };
}

/** Cannot fail half-way: what could be wrong with a commit was checked before. */
function apply(contents: Contents, commit: ReadModelCommit): void {
  for (const notice of commit.notices) {
    contents.notices.push(notice);
    const key = windowText(notice);
    const holders = contents.byWindow.get(key);
    if (holders === undefined) contents.byWindow.set(key, [notice]);
    else holders.push(notice);
  }
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
  contents.checkpoint = commit.checkpoint;
}

function nextTail(contents: Contents, commit: ReadModelCommit): TailRow[] {
  const sameList = contents.checkpoint?.output === commit.checkpoint.output;
  const before = sameList ? contents.tail : [];
  const first = commit.tail[0];
  const last = commit.tail.at(-1);
  if (first === undefined || last === undefined) return before;
  const kept = before.filter((row) => row.sequence < first.sequence);
  return [...kept, ...commit.tail].filter((row) => row.sequence > last.sequence - TAIL_LIMIT);
}

function tablesOf(contents: () => Contents): ReadModelTables {
  return {
    checkpoint: () => contents().checkpoint,
    noticesOf: (keys) =>
      [...distinctWindows(keys).keys()].flatMap((key) => contents().byWindow.get(key) ?? []),
    tailAfter: (sequence) => contents().tail.filter((row) => row.sequence > sequence),
    lastTail: () => contents().tail.at(-1),
    parked: () => [...contents().parked.values()],
    reasons: () => reasonsOf(contents().verdicts.values()),
    dedupeKeys: () => dedupeKeysOf(contents().notices),
    notices: () => [...contents().notices],
    verdicts: () => [...contents().verdicts.values()],
  };
}

function reasonsOf(verdicts: Iterable<VerdictRow>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { verdict, reason } of verdicts) {
    if (verdict !== 'published') counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return new Map([...counts].sort(([a], [b]) => bytewise(a, b)));
}

function dedupeKeysOf(notices: readonly Notice[]): readonly string[] {
  return notices
    .map((n) => `${n.user}:${n.triggerType}:${formatInstantSeconds(n.windowStart)}`)
    .sort(bytewise);
}

function bytewise(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

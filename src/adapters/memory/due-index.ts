// Due indexes in memory, for tests: the promises of those on disk, without a file.
import type { Instant } from '../../domain/core/instants.ts';
import type { Position } from '../../domain/core/positions.ts';
import type {
  DueEntry,
  DueIndex,
  DueIndexes,
  DueRank,
} from '../../kernel/processes/due/due-index.ts';
import type { EventRef } from '../../projections/read-model.ts';
import { assertIndexName, indexClosed, otherLog } from '../sqlite/index-errors.ts';

/** What outlives its owners, as a file does. */
export type MemoryDueIndexStore = {
  /** The indexes, for one owner after another. */
  readonly open: (storeId: string) => DueIndexes;
};

type Contents = {
  position: Position | undefined;
  lastEvent: EventRef | undefined;
  readonly rows: Map<string, DueEntry>;
};

/** A store for due indexes in memory, to open again and again. */
export function memoryDueIndexStore(): MemoryDueIndexStore {
  const indexes = new Map<string, Contents>();
  let log: string | undefined;
  return {
    open(storeId) {
      log ??= storeId;
      if (log !== storeId) throw otherLog('the due index in memory');
      const open = new Set<string>();
      let isOpen = true;
      return {
        open(name) {
          assertIndexName(name, open);
          open.add(name);
          const contents = indexes.get(name) ?? {
            position: undefined,
            lastEvent: undefined,
            rows: new Map<string, DueEntry>(),
          };
          indexes.set(name, contents);
          const stillOpen = (): boolean => isOpen && open.has(name);
          return indexOn(name, contents, stillOpen, () => open.delete(name));
        },
        [Symbol.dispose]() {
          isOpen = false;
        },
      };
    },
  };
}

function indexOn(
  name: string,
  contents: Contents,
  isOpen: () => boolean,
  closed: () => void,
): DueIndex {
  let sorted: readonly DueEntry[] | undefined;
  const open = (): Contents => {
    if (!isOpen()) throw indexClosed(`the index ${name}`);
    return contents;
  };
  const inOrder = (): readonly DueEntry[] => {
    sorted ??= [...open().rows.values()].sort(
      (a, b) => a.dueAt - b.dueAt || (a.key < b.key ? -1 : 1),
    );
    return sorted;
  };
  return {
    position: () => open().position,
    lastEvent: () => open().lastEvent,
    commit({ position, lastEvent, put, remove }) {
      const { rows } = open();
      for (const key of remove) rows.delete(key);
      for (const entry of put) rows.set(entry.key, entry);
      if (put.length > 0 || remove.length > 0) sorted = undefined;
      contents.position = position;
      contents.lastEvent = lastEvent ?? contents.lastEvent;
    },
    due(rank, now, limit, except) {
      open();
      const found: DueEntry[] = [];
      for (const entry of inOrder()) {
        if (entry.dueAt > now || found.length >= limit) break;
        if (entry.rank === rank && !except.has(entry.key)) found.push(entry);
      }
      return found;
    },
    next(rank: DueRank, except): Instant | undefined {
      open();
      return inOrder().find((entry) => entry.rank === rank && !except.has(entry.key))?.dueAt;
    },
    count: () => open().rows.size,
    [Symbol.dispose]: closed,
  };
}

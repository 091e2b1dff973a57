// Remembers recently committed event ids, to recognise a repeated append without an expected revision.
import type { KnownEvent } from '../common/revisions.ts';

export type RecentIds = {
  readonly find: (id: string) => KnownEvent | undefined;
  /** Adds an event of the running transaction. */
  readonly add: (id: string, event: KnownEvent) => void;
  /** Ends the transaction: keeps the added events when it was committed, else drops them. */
  readonly end: (committed: boolean) => void;
};

/** @param capacity remembers at least this many of the latest ids and at most twice as many; 0 for none */
export function recentIds(capacity: number): RecentIds {
  // Two generations: when the younger is full, the older one is dropped as a whole.
  let young = new Map<string, KnownEvent>();
  let old = new Map<string, KnownEvent>();
  const added = new Map<string, KnownEvent>();
  return {
    find: (id) => added.get(id) ?? young.get(id) ?? old.get(id),
    add(id, event) {
      if (capacity > 0) added.set(id, event);
    },
    end(committed) {
      if (committed) {
        for (const [id, event] of added) young.set(id, event);
        if (young.size >= capacity) {
          old = young;
          young = new Map();
        }
      }
      added.clear();
    },
  };
}

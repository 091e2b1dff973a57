// Which events were committed lately, for writers that expect no revision. It is a bounded help, lost
// with the process, exactly as on the servers whose protocol we speak.
import type { KnownPlace } from '../common/revisions.ts';

export type RecentIds = {
  readonly placeOf: (id: string) => KnownPlace | undefined;
  /** Takes note of an event that is about to be committed. */
  readonly add: (id: string, place: KnownPlace) => void;
  /** Keeps what was added since the last time, or forgets it. */
  readonly settle: (committed: boolean) => void;
};

/**
 * @param capacity at least so many of the latest ids are known, at most twice as many; 0 for none
 */
export function recentIds(capacity: number): RecentIds {
  // Two generations: when the younger is full the older one goes, and no id has to be evicted alone.
  let young = new Map<string, KnownPlace>();
  let old = new Map<string, KnownPlace>();
  const added = new Map<string, KnownPlace>();
  return {
    placeOf: (id) => added.get(id) ?? young.get(id) ?? old.get(id),
    add(id, place) {
      if (capacity > 0) added.set(id, place);
    },
    settle(committed) {
      if (committed) {
        for (const [id, place] of added) young.set(id, place);
        if (young.size >= capacity) {
          old = young;
          young = new Map();
        }
      }
      added.clear();
    },
  };
}

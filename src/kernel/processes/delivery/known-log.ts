// Whether the log in place is the one that a worker has read. Its followers check that when they connect again; whoever
// decides something for ever by an answer of the log asks afterwards.
import { categoryPrefix } from '../../../domain/core/ids.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import type { LetThrough } from '../../../projections/audit/reading/ports.ts';
import { projectionPrefixes } from '../../../projections/dedupe/classify.ts';
import { holdsLastEvent, type Follower } from '../due/same-log.ts';

type Readers = {
  /** The index of due deliveries. */
  readonly due: Follower;
  readonly list?: Follower | undefined;
  /** A projection of the same log. */
  readonly letThrough?: Pick<LetThrough, 'checkpoint'> | undefined;
};

/** @returns a function that is false while the log lacks the last event of one of the readers */
export function knownLog(
  store: EventStore,
  kernel: string,
  { due, list, letThrough }: Readers,
): () => Promise<boolean> {
  const deliveries = categoryPrefix(kernel, 'notification');
  const channels = categoryPrefix(kernel, 'channel');
  const projection: Follower = {
    position: () => letThrough?.checkpoint()?.position,
    lastEvent: () => letThrough?.checkpoint()?.lastEvent ?? undefined,
  };
  const readers: readonly (readonly [Follower | undefined, readonly string[]])[] = [
    [due, [deliveries]],
    [list, [deliveries, channels]],
    [projection, projectionPrefixes(kernel)],
  ];
  return async () => {
    for (const [reader, prefixes] of readers) {
      if (reader && !(await holdsLastEvent(reader, { store, prefixes }))) return false;
    }
    return true;
  };
}

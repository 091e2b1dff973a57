// Recognises the log by the last event that was read from it. A log that was put back to an older copy has the same id, but
// lacks this event.
import { archivesAfter } from '../../../projections/archive-records.ts';
import { lastSeen } from '../../../projections/last-seen.ts';
import { archivesOf } from './archived.ts';
import type { DueIndex } from './due-index.ts';
import type { DueProcessOptions } from './options.ts';

/** Knows the last event of the log that it has read. */
export type Follower = Pick<DueIndex, 'lastEvent' | 'position'>;

/** True when the log in place is the one that the follower has read, as far as its last event can tell. */
export async function holdsLastEvent(
  follower: Follower,
  { store, prefixes }: Pick<DueProcessOptions, 'store' | 'prefixes'>,
): Promise<boolean> {
  const last = follower.lastEvent();
  const position = follower.position();
  if (last === undefined || position === undefined) return true;
  if ((await lastSeen(store, { last, position, prefixes })) !== undefined) return true;
  // The follower is behind an archive that took the event. Rows of streams that left the log are dropped when they are due.
  const archives = await archivesOf({ store, prefixes }).read();
  return archivesAfter(archives, position).length > 0;
}

// The event that a checkpoint ends with, where it is in the log now. Every follower looks for it before it
// goes on: a log without it is another one, or an older copy.
import type { RecordedEvent } from '../domain/core/recorded-event.ts';
import { comparePositions, type Position } from '../domain/core/positions.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import type { EventRef } from './read-model.ts';

/** What a follower has seen: the last event, and the position up to which it has seen everything. */
export type SeenUpTo = {
  readonly last: EventRef;
  readonly position: Position;
  readonly prefixes: readonly string[];
};

/** The event as it is stored; `undefined` when the log does not have it. */
export async function lastSeen(
  store: Pick<EventStore, 'readStream' | 'readAll'>,
  { last, position, prefixes }: SeenUpTo,
): Promise<RecordedEvent | undefined> {
  const place = { direction: 'forwards', from: last.revision, maxCount: 1 } as const;
  for await (const [event] of store.readStream(last.stream, place)) {
    if (event !== undefined) return isSame(event, last) ? event : undefined;
  }
  // A stream that was deleted since cannot be read, but its events are still in the log: there, nothing
  // that is followed lies between the last event and the position.
  for await (const page of store.readAll({ direction: 'backwards', prefixes })) {
    const event = page.find((each) => comparePositions(each.position, position) <= 0);
    if (event !== undefined) return isSame(event, last) ? event : undefined;
  }
  return undefined;
}

function isSame(event: RecordedEvent, { id, stream, revision }: EventRef): boolean {
  return event.id === id && event.stream === stream && event.revision === revision;
}

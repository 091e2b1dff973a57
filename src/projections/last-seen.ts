// Finds the last event of a checkpoint in the log. A log without this event is another log or an older copy, so every
// follower checks it before it resumes.
import type { RecordedEvent } from '../domain/core/recorded-event.ts';
import { comparePositions, type Position } from '../domain/core/positions.ts';
import type { EventStore, SubscriptionEntry } from '../domain/ports/event-store.ts';
import type { EventRef } from './read-model.ts';

/** The last event that a follower has processed, and the position up to which it has processed all events. */
export type SeenUpTo = {
  readonly last: EventRef;
  readonly position: Position;
  readonly prefixes: readonly string[];
};

/** The stored event; `undefined` when the log does not hold it. */
export async function lastSeen(
  store: Pick<EventStore, 'readStream' | 'readAll'>,
  { last, position, prefixes }: SeenUpTo,
): Promise<RecordedEvent | undefined> {
  const one = { direction: 'forwards', from: last.revision, maxCount: 1 } as const;
  for await (const [event] of store.readStream(last.stream, one)) {
    if (event !== undefined) return isSame(event, last) ? event : undefined;
  }
  // A deleted stream cannot be read, but the log still holds its events: the last event is the first one at or
  // before the position.
  for await (const page of store.readAll({ direction: 'backwards', prefixes, onLeader: true })) {
    const event = page.find((each) => comparePositions(each.position, position) <= 0);
    if (event !== undefined) return isSame(event, last) ? event : undefined;
  }
  return undefined;
}

function isSame(event: RecordedEvent, { id, stream, revision }: EventRef): boolean {
  return event.id === id && event.stream === stream && event.revision === revision;
}

/** The place of a subscription's entry, where it has one. */
export function placeOf(entry: SubscriptionEntry): Position | undefined {
  if (entry.kind === 'event') return entry.event.position;
  return entry.kind === 'checkpoint' ? entry.position : undefined;
}

/** The first event of a read. */
export async function firstOf(
  pages: AsyncIterable<readonly RecordedEvent[]>,
): Promise<RecordedEvent | undefined> {
  for await (const [event] of pages) return event;
  return undefined;
}

// Events that tests append to a log besides raises: invalid data, control events, events of other writers.
import { controlCodec, type ControlEvent } from '../../src/domain/control/events.ts';
import { controlStream, eventId, userStream } from '../../src/domain/core/ids.ts';
import type { JsonObject } from '../../src/domain/core/json.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { eventsOf } from './world.ts';

/** Metadata as the kernel writes it. */
export function metadata(recordedAt: string, more: JsonObject = {}): JsonObject {
  const id = crypto.randomUUID();
  const ids = { correlationId: id, causationId: id, commandId: id };
  return { schemaVersion: 1, recordedAt, ...ids, ...more };
}

/** Appends one event at the end of a stream, as a command of its own; the event as the log has it. */
export async function appendRaw(
  store: EventStore,
  stream: string,
  event: { readonly type: string; readonly data: JsonObject; readonly metadata: JsonObject },
): Promise<RecordedEvent> {
  const last = (await eventsOf(store, stream)).at(-1);
  const { commandId } = event.metadata;
  const id = typeof commandId === 'string' ? eventId(commandId, stream, 0) : crypto.randomUUID();
  const result = await store.append(stream, last?.revision ?? 'no_stream', [{ id, ...event }]);
  if (result.outcome !== 'appended') throw new Error(`not appended: ${result.outcome}`);
  const recorded = (await eventsOf(store, stream)).at(-1);
  if (recorded?.id !== id) throw new Error('somebody else appended');
  return recorded;
}

/** A trigger stream of its own for a name. */
export function triggerStreamOf(name: string, user = '1'): string {
  return userStream('tocsin', 'trigger', user, `test:${name}`);
}

/** A notification request that no code can read. */
export function poison(store: EventStore, name = 'poison', data: JsonObject = { nonsense: true }) {
  return appendRaw(store, triggerStreamOf(name), {
    type: 'NotificationRequested',
    data,
    metadata: metadata('2026-01-01T10:00:00.000Z'),
  });
}

/** Appends an event to the control stream. */
export async function appendControlEvent(store: EventStore, event: ControlEvent): Promise<void> {
  const at = Date.UTC(2026, 0, 1, 10);
  const ids = { correlationId: 'test', causationId: 'test', commandId: crypto.randomUUID() };
  const { type, data, metadata } = controlCodec.encode(event, { recordedAt: at, ...ids }, 'unused');
  await appendRaw(store, controlStream('tocsin'), { type, data, metadata });
}

/** An operator's decision about a parked event. */
export function resolvePark(
  store: EventStore,
  { id, stream, revision }: RecordedEvent,
  action: 'retry' | 'drop',
): Promise<void> {
  return appendControlEvent(store, {
    type: 'ParkResolved',
    data: { event: id, stream, revision, action },
  });
}

/** The lists of messages that the log says were opened, in order. */
export async function openedLists(store: EventStore): Promise<JsonObject[]> {
  const events = await eventsOf(store, controlStream('tocsin'));
  return events.flatMap(({ type, data }) =>
    type === 'OutputOpened' && typeof data === 'object' && data !== null && 'mode' in data
      ? [data]
      : [],
  );
}

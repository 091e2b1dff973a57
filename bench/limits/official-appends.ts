// The limit of `front-raise`: the same events by the official client's `appendToStream`, as many on their
// way, to a server of the same kind. They are ready before the clock starts: nothing is decided or checked.
import {
  EventStoreDBClient,
  jsonEvent,
  NO_STREAM,
  type AppendExpectedRevision,
  type JSONEventData,
} from '@eventstore/db-client';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { Measured } from '../support/rounds.ts';

/** The events of one raise, and their stream. */
export type ReadyAppend = { readonly stream: string; readonly events: JSONEventData[] };

/** What raises left in a log. */
export async function readyAppends(log: Pick<EventStore, 'readAll'>): Promise<ReadyAppend[]> {
  const appends = new Map<string, ReadyAppend>();
  const prefixes = ['tocsin.trigger-'];
  for await (const page of log.readAll({ direction: 'forwards', prefixes })) {
    for (const { stream, id, type, data, metadata } of page) {
      const append = appends.get(stream) ?? { stream, events: [] };
      appends.set(stream, append);
      append.events.push(jsonEvent({ id, type, data: plain(data), metadata: plain(metadata) }));
    }
  }
  return [...appends.values()];
}

function plain(value: unknown): Record<string, unknown> {
  return { ...(typeof value === 'object' ? value : {}) };
}

/**
 * Appends from first to last answer.
 *
 * @param expected the revision to expect of a stream; default: that there is no stream
 */
export async function officialAppends(
  url: string,
  appends: readonly ReadyAppend[],
  inFlight: number,
  expected?: (client: EventStoreDBClient, stream: string) => Promise<AppendExpectedRevision>,
): Promise<Measured> {
  const client = EventStoreDBClient.connectionString(url);
  const begun = performance.now();
  const waiting = appends.values();
  const side = async (): Promise<void> => {
    for (const { stream, events } of waiting) {
      const expectedRevision = expected ? await expected(client, stream) : NO_STREAM;
      await client.appendToStream(stream, events, { expectedRevision });
    }
  };
  await Promise.all(Array.from({ length: inFlight }, side));
  const seconds = (performance.now() - begun) / 1000;
  await client.dispose();
  return { units: appends.length, seconds };
}

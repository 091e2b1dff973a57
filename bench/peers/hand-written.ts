// A careful loop on the bare clients, as an engineer writes it: read the stream, append at its revision; and subscribe,
// publish with an id, note the position after the acknowledgements.
import { DatabaseSync } from 'node:sqlite';
import {
  EventStoreDBClient,
  NO_STREAM,
  START,
  StreamNotFoundError,
  streamNameFilter,
  type AppendExpectedRevision,
} from '@eventstore/db-client';
import { connect } from 'nats';
import { officialAppends, type ReadyAppend } from '../limits/official-appends.ts';
import type { Measured } from '../support/rounds.ts';
import { RELAY_IN_FLIGHT } from './outbox.ts';

/** Reads each stream, then appends to it. */
export function readAndAppend(
  url: string,
  appends: readonly ReadyAppend[],
  inFlight: number,
): Promise<Measured> {
  return officialAppends(url, appends, inFlight, lastRevision);
}

async function lastRevision(
  client: EventStoreDBClient,
  stream: string,
): Promise<AppendExpectedRevision> {
  let last: AppendExpectedRevision = NO_STREAM;
  try {
    for await (const { event } of client.readStream(stream)) last = event?.revision ?? last;
  } catch (error) {
    if (!(error instanceof StreamNotFoundError)) throw error;
  }
  return last;
}

/** Publishes two messages for each trigger and notes the position of every 500 events. */
export async function subscribeAndPublish(
  url: string,
  nats: string,
  file: string,
  events: number,
): Promise<Measured> {
  const client = EventStoreDBClient.connectionString(url);
  const broker = await connect({ servers: nats, noAsyncTraces: true });
  await (await broker.jetstreamManager()).streams.add({ name: 'HAND', subjects: ['hand.>'] });
  const js = broker.jetstream();
  using db = new DatabaseSync(file);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec('CREATE TABLE checkpoint (one INTEGER PRIMARY KEY, position TEXT)');
  const note = db.prepare('INSERT OR REPLACE INTO checkpoint VALUES (1, ?)');
  const begun = performance.now();
  const filter = streamNameFilter({ prefixes: ['tocsin.trigger-'] });
  const subscription = client.subscribeToAll({ fromPosition: START, filter });
  let acks: Promise<unknown>[] = [];
  let before: Promise<unknown> = Promise.resolve();
  let seen = 0;
  for await (const { event } of subscription) {
    if (event === undefined) continue;
    seen += 1;
    if (event.type === 'TriggerRaised' || event.type === 'NotificationRequested') {
      const body = Buffer.from(JSON.stringify(event.data));
      acks.push(js.publish(`hand.${event.type}`, body, { msgID: event.id }));
    }
    if (acks.length >= RELAY_IN_FLIGHT / 2 || seen === events) {
      await before;
      const position = String(event.position.commit);
      before = Promise.all(acks).then(() => note.run(position));
      acks = [];
    }
    if (seen === events) break;
  }
  await before;
  const seconds = (performance.now() - begun) / 1000;
  await subscription.unsubscribe();
  await client.dispose();
  await (await broker.jetstreamManager()).streams.delete('HAND');
  await broker.close();
  return { units: events, seconds };
}

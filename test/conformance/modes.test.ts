// What the front does only while it imitates a server, and only when a test asks for it.
import { credentials, Client } from '@grpc/grpc-js';
import {
  jsonEvent,
  streamNameFilter,
  UnavailableError,
  type EventStoreDBClient,
} from '@eventstore/db-client';
import { EventStoreDBClient as Clients } from '@eventstore/db-client';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Front } from '../../src/adapters/eventstore/front/front.ts';
import {
  SERVER_VERSIONS,
  type ServerVersion,
} from '../../src/adapters/eventstore/front/server-version.ts';
import { aFront } from '../adapters/front.support.ts';
import { all, APPEND_CALLS, failure, jsonEvents } from './front.support.ts';
import { listener } from './subscribe.support.ts';

async function aServer(
  like: ServerVersion,
): Promise<{ readonly front: Front; readonly client: EventStoreDBClient }> {
  const front = await aFront({ like });
  const client = Clients.connectionString(front.url);
  onTestFinished(() => client.dispose());
  return { front, client };
}

function startScavenge(port: number): Promise<void> {
  const grpc = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  onTestFinished(() => {
    grpc.close();
  });
  const asIs = (bytes: Buffer): Buffer => bytes;
  const path = '/event_store.client.operations.Operations/StartScavenge';
  return new Promise((resolve, reject) => {
    grpc.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

describe.each(SERVER_VERSIONS)('the front like %s', (like) => {
  test('removes hidden events when it is scavenged, and skips an event then as that version does', async () => {
    const { front, client } = await aServer(like);
    await client.appendToStream('own', jsonEvents(1));
    const { position } = await client.appendToStream('foreign', jsonEvents(1));
    await client.appendToStream('own', jsonEvents(1));
    await client.appendToStream('foreign', jsonEvents(1));
    await client.setStreamMetadata('foreign', { maxCount: 1 });
    await client.appendToStream('gone', jsonEvents(2));
    await client.tombstoneStream('gone');
    await startScavenge(front.port);
    const kept = (await all(client.readAll())).flatMap(({ event }) =>
      event === undefined || event.streamId.startsWith('$') ? [] : [event.streamId],
    );
    expect(kept).toEqual(['own', 'own', 'foreign', 'gone']);
    if (position === undefined) throw new Error('no position');
    const heard = listener().listen(
      client.subscribeToAll({
        fromPosition: position,
        filter: streamNameFilter({ prefixes: ['own'] }),
      }),
    );
    await heard.untilCaughtUp();
    await heard.stop();
    expect(heard.events()).toHaveLength(like === '23.10' ? 0 : 1);
    await client.appendToStream('foreign', jsonEvents(1), { expectedRevision: 1n });
  });

  test('says that it is not ready while a test asks for it', async () => {
    const { front, client } = await aServer(like);
    front.setReady(false);
    const [, byAppend] = APPEND_CALLS[1] ?? [];
    const append = client.appendToStream('a', jsonEvents(1), byAppend);
    expect((await failure(append, UnavailableError)).message).toContain('Server Is Not Ready');
    await failure(all(client.readAll()), UnavailableError);
    await expect(client.appendToStream('a', jsonEvents(1))).rejects.toThrow();
    front.setReady(true);
    await client.appendToStream('a', jsonEvents(1), { expectedRevision: 'no_stream' });
  });

  test('gives no answer to a repeat while the first append is written, and stores the events once', async () => {
    const { client } = await aServer(like);
    const event = jsonEvent({ type: 'once', data: {} });
    const options = { expectedRevision: 'no_stream' } as const;
    const answers = await Promise.allSettled(
      Array.from({ length: 4 }, () => client.appendToStream('repeated', event, options)),
    );
    const answered = answers.filter(({ status }) => status === 'fulfilled');
    expect(answered.length).toBeGreaterThan(0);
    expect(answered.length).toBeLessThan(4);
    expect(await all(client.readStream('repeated'))).toHaveLength(1);
    const { nextExpectedRevision } = await client.appendToStream('repeated', event, options);
    expect(nextExpectedRevision).toBe(0n);
  });
});

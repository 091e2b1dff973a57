// Readers that stop reading: they need bounded memory and do not block other calls.
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientReadableStream } from '@grpc/grpc-js';
import { EventStoreDBClient, jsonEvent, type EventData } from '@eventstore/db-client';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { expect, onTestFinished, test } from 'vitest';
import { frontProcess, rawClient, readRequest, storeFile } from './front.support.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const MIB = 1024 * 1024;
const READERS = 100;
/** What one reader that stands still may cost: a few copies of the event of 0.5 MiB that it stands at. */
const READER_MIB = 2.5;

test(
  'the front needs little memory for 100 subscribers that stop reading',
  { timeout: SLOW_TEST_MS },
  async () => {
    const front = await frontProcess(storeFile());
    const client = EventStoreDBClient.connectionString(`${front.url}&defaultDeadline=60000`);
    onTestFinished(() => client.dispose());
    const large = (): EventData =>
      jsonEvent({ type: 'large', data: { text: 'x'.repeat(500_000) } });
    const small = (): EventData[] =>
      Array.from({ length: 200 }, (_, n) => jsonEvent({ type: 'small', data: { n } }));
    for (let n = 0; n < 40; n += 1) {
      await client.appendToStream('history', [large(), ...small()]);
    }
    const before = await front.memory();

    const port = Number(new URL(front.url.replace('esdb', 'http')).port);
    const still: ClientReadableStream<ReadResp>[] = [];
    for (let n = 0; n < READERS; n += 1) {
      const request = readRequest((options) => {
        options.setSubscription(new streams.ReadReq.Options.SubscriptionOptions());
      });
      const call = rawClient(port).read(request);
      call.on('error', () => undefined);
      await new Promise((resolve) => call.once('data', resolve));
      call.pause();
      still.push(call);
    }

    // Somebody else reads everything and follows live, and writers go on.
    let followed = 0;
    const subscription = client.subscribeToAll().on('data', () => {
      followed += 1;
    });
    subscription.on('error', () => undefined);
    for (let n = 0; n < 10; n += 1) {
      await client.appendToStream('live', [large(), ...small()]);
    }
    let read = 0;
    for await (const _ of client.readAll()) read += 1;
    expect(read).toBe(1 + 50 * 201);
    while (followed < read) await delay(20);
    await subscription.unsubscribe();

    const grown = ((await front.memory()) - before) / MIB;
    expect(grown).toBeLessThan(READERS * READER_MIB);

    // One of them wakes up, and has missed nothing.
    const [late] = still;
    let woken = 0;
    late?.on('data', (answer: ReadResp) => {
      if (answer.hasEvent()) woken += 1;
    });
    late?.resume();
    while (woken < read - 1) await delay(20);
    for (const call of still) call.cancel();
  },
);

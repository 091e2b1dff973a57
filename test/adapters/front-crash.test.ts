import { describe, expect, test } from 'vitest';
import { once } from 'node:events';
import {
  EventStoreDBClient,
  jsonEvent,
  NO_STREAM,
  UnavailableError,
  type AppendResult,
  type JSONEventType,
} from '@eventstore/db-client';
import { all, jsonEvents } from '../conformance/front.support.ts';
import { listener } from '../conformance/subscribe.support.ts';
import { aFront, frontProcess, storeFile } from './front.support.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const connected = (url: string): EventStoreDBClient => EventStoreDBClient.connectionString(url);

type Numbered = JSONEventType<'numbered', { n: number }>;

describe('a front that is killed', { timeout: SLOW_TEST_MS }, () => {
  test('has every answered append once after a restart', async () => {
    const file = storeFile();
    const answered: { stream: string; id: string; result: AppendResult }[] = [];
    for (let round = 0; round < 3; round += 1) {
      const front = await frontProcess(file);
      const client = connected(front.url);
      let killing: Promise<void> | undefined;
      let under = true;
      const side = async (stream: string): Promise<void> => {
        for (let n = 0; under; n += 1) {
          const event = jsonEvent<Numbered>({ type: 'numbered', data: { n } });
          const expectedRevision = n === 0 ? NO_STREAM : BigInt(n - 1);
          try {
            const result = await client.appendToStream(stream, event, { expectedRevision });
            answered.push({ stream, id: event.id, result });
          } catch {
            return;
          }
          if (answered.length > 200 * (round + 1)) killing ??= front.killed();
        }
      };
      await Promise.all(Array.from({ length: 12 }, (_, n) => side(`${round}-${n}`)));
      under = false;
      await killing;
      await client.dispose();
    }

    const front = await frontProcess(file);
    const client = connected(front.url);
    const log = await all(client.readAll());
    const ids = log.map(({ event }) => event?.id);
    expect(new Set(ids).size).toBe(ids.length);
    const byId = new Map(log.map(({ event }) => [event?.id, event]));
    for (const { stream, id, result } of answered) {
      expect(byId.get(id)).toMatchObject({
        streamId: stream,
        revision: result.nextExpectedRevision,
        position: result.position,
      });
    }
    await client.dispose();
    front.process.kill('SIGKILL');
  });

  test('ends subscriptions with an error, and a repeated append finds the first', async () => {
    const file = storeFile();
    const front = await frontProcess(file);
    const client = connected(front.url);
    const list = jsonEvents(3);
    const exact = { expectedRevision: NO_STREAM } as const;
    const first = await client.appendToStream('a', list, exact);
    const subscription = client.subscribeToAll();
    const ended = once(subscription, 'error');
    await listener().listen(subscription).untilCaughtUp();
    await front.killed();
    expect((await ended)[0]).toBeInstanceOf(UnavailableError);
    const port = Number(new URL(front.url.replace('esdb', 'http')).port);
    await frontProcess(file, port);
    // The client dials again by itself.
    const again = await client
      .appendToStream('a', list, exact)
      .catch(() => client.appendToStream('a', list, exact));
    expect(again).toEqual(first);
    await client.dispose();
  });
});

describe('a front that is closed', () => {
  test('answers running appends, ends subscriptions and releases the file', async () => {
    const front = await aFront();
    const client = connected(front.url);
    const subscription = client.subscribeToAll();
    const ended = once(subscription, 'error');
    const heard = listener().listen(subscription);
    await heard.untilCaughtUp();
    await client.appendToStream('a', jsonEvents(1));
    const writing = Array.from({ length: 50 }, () => client.appendToStream('a', jsonEvents(10)));
    const settled = Promise.allSettled(writing);
    await heard.untilEvents(3);
    await front.close();
    expect((await ended)[0]).toBeInstanceOf(UnavailableError);
    for (const one of await settled) {
      if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(UnavailableError);
    }
    await front.close();
    await expect(client.appendToStream('a', jsonEvents(1))).rejects.toMatchObject({ code: 14 });
    await client.dispose();
  });
});

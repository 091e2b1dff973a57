// The request queue on a real server: shared by workers, kept over restarts, without mock requests.
import { connect, headers, type NatsConnection } from 'nats';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { jetStreamInbox } from '../../src/adapters/nats/inbox.ts';
import { createConfig, planStream } from '../../src/adapters/nats/stream.ts';
import type {
  RequestMessage,
  Acknowledgement,
} from '../../src/kernel/processes/delivery/request-queue.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';

const slowMs = 60_000;
let server: TestNatsServer;
let client: NatsConnection;

beforeAll(async () => {
  server = await testNatsServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

type Reader = AsyncDisposable & {
  readonly got: RequestMessage[];
  readonly ended: Promise<void>;
};

function read(
  answer: (
    message: RequestMessage,
    times: number,
  ) => Acknowledgement | Promise<Acknowledgement> = () => 'ack',
  check: () => 'go' | 'wait' = () => 'go',
): Reader {
  const stop = new AbortController();
  const got: RequestMessage[] = [];
  const ended = jetStreamInbox({ servers: server.url, connectTimeoutMs: 500 }).run({
    signal: stop.signal,
    check: () => Promise.resolve(check()),
    handle: async (message) => {
      got.push(message);
      const times = got.filter(({ sequence }) => sequence === message.sequence).length;
      return answer(message, times);
    },
  });
  return {
    got,
    ended,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

async function store(subject: string, id: string): Promise<void> {
  const about = headers();
  about.set('ce-id', id);
  await client.jetstream().publish(subject, '{}', { headers: about });
}

const storeRequest = (n: number) => store(`notification.feishu.requested.aa.${n}`, String(n));
const ids = (reader: Reader) => reader.got.map((message) => message.headers.get('ce-id'));

beforeEach(async () => {
  client = await connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const { streams } = await client.jetstreamManager();
  for await (const { config } of streams.list()) await streams.delete(config.name);
  const request = JSON.stringify(createConfig(planStream({}), 'a test'));
  await client.request('$JS.API.STREAM.CREATE.TOCSIN', request);
  return async () => {
    await client.close();
  };
});

describe('jetStreamInbox', () => {
  test('hands over the real requests of both channels and nothing else', async () => {
    await store('active_schedule.triggered.aa.1', 'trigger');
    await store('mock.notification.feishu.requested.aa.1', 'mock');
    await storeRequest(1);
    await store('notification.webhook.requested.aa.2', '2');
    await using reader = read();
    await until('both are there', () => reader.got.length === 2);
    expect(ids(reader).sort()).toEqual(['1', '2']);
    expect(reader.got.map(({ sequence }) => sequence).sort()).toEqual([3n, 4n]);
    await storeRequest(3);
    await until('the new one is there', () => reader.got.length === 3);
  });

  test('redelivers a failed message and never an acknowledged one', async () => {
    await storeRequest(1);
    await storeRequest(2);
    await storeRequest(3);
    {
      await using reader = read((message, times) => {
        const id = message.headers.get('ce-id');
        if (id === '1' && times === 1) throw new Error('the store is away');
        if (id === '2') return 'term';
        return times === 1 && id === '3' ? 'nak' : 'ack';
      });
      await until('two came again', () => reader.got.length === 5, slowMs);
      expect(ids(reader).sort()).toEqual(['1', '1', '2', '3', '3']);
    }
    await storeRequest(4);
    await using second = read();
    await until('the new one is there', () => second.got.length === 1);
    expect(ids(second)).toEqual(['4']);
  });

  test('hands each message to one of several workers', async () => {
    await using one = read();
    await using two = read();
    for (let n = 1; n <= 200; n += 1) await storeRequest(n);
    await until('all are there', () => one.got.length + two.got.length >= 200);
    const all = [...ids(one), ...ids(two)];
    expect(new Set(all).size).toBe(200);
    expect(all).toHaveLength(200);
  });

  test(
    'redelivers unacknowledged messages after a crash of the server',
    async () => {
      await using reader = read();
      await storeRequest(1);
      await until('the first is there', () => reader.got.length === 1);
      await server.crash();
      await server.restart();
      await until('it can be written to', () =>
        storeRequest(2).then(
          () => true,
          () => false,
        ),
      );
      await until('the second is there', () => ids(reader).includes('2'), slowMs);
    },
    slowMs,
  );

  test(
    'resumes after a crash of the server while a whole batch is being handled',
    async () => {
      const batch = 64;
      const answer = Promise.withResolvers<Acknowledgement>();
      await using reader = read(() => answer.promise);
      for (let n = 1; n <= batch; n += 1) await storeRequest(n);
      await until('all are in hand', () => reader.got.length === batch);
      await server.crash();
      await server.restart();
      answer.resolve('ack');
      await until('it can be written to', () =>
        storeRequest(batch + 1).then(
          () => true,
          () => false,
        ),
      );
      await until('the next is there', () => ids(reader).includes(String(batch + 1)), slowMs);
    },
    slowMs,
  );

  test('waits for the stream and for the check', async () => {
    const { streams } = await client.jetstreamManager();
    await streams.delete('TOCSIN');
    let leave: 'go' | 'wait' = 'wait';
    let asked = 0;
    await using reader = read(undefined, () => {
      asked += 1;
      return leave;
    });
    const request = JSON.stringify(createConfig(planStream({}), 'a test'));
    await client.request('$JS.API.STREAM.CREATE.TOCSIN', request);
    await storeRequest(1);
    await until('it asked', () => asked > 0);
    expect(reader.got).toEqual([]);
    leave = 'go';
    await until('it is there', () => reader.got.length === 1);
  });
});

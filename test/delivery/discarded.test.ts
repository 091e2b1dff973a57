// Limits of the output stream on a real server: requests whose messages the stream discarded before a worker took them are
// found in the log, and delivered once, or end visibly.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StreamConfig } from 'nats';
import { expect, onTestFinished, test } from 'vitest';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { jetStreamInbox } from '../../src/adapters/nats/inbox.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { jetStreamReader } from '../../src/adapters/nats/reader.ts';
import { sqliteDeliveryIndex } from '../../src/adapters/sqlite/delivery-index.ts';
import { sqliteDueIndexes } from '../../src/adapters/sqlite/due-index.ts';
import { sqliteReadModel, temporaryReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { createAudit } from '../../src/kernel/create-audit.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { deliveryProcesses } from '../../src/kernel/processes/delivery/processes.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { rawStream } from '../support/jetstream.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';
import { anInput, raised } from '../support/world.ts';

const MINUTE_MS = 60_000;

async function world() {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-discarded-'));
  const nats = await testNatsServer();
  const stream = await rawStream(nats.url);
  const store = await embeddedStore({ file: join(folder, 'store.db') });
  const state = sqliteReadModel({ file: join(folder, 'state.db') });
  const output = jetStreamOutput({ servers: nats.url });
  const { storeId } = await openKernel({ ...scheduleProduct, store });
  const list = sqliteDeliveryIndex({ file: join(folder, 'deliveries.db'), storeId });
  const calls: string[] = [];
  onTestFinished(async () => {
    list[Symbol.dispose]();
    state[Symbol.dispose]();
    await store[Symbol.asyncDispose]();
    await stream[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const raise = async (from: number, to: number, agoMs = 0): Promise<void> => {
    const clock = { now: () => Date.now() - agoMs };
    const kernel = await openKernel({ ...scheduleProduct, store, clock });
    for (let user = from; user <= to; user += 1)
      await raised(kernel, anInput(user, { userId: user }));
    await openProjector({ store, state, output }).once();
  };
  return {
    nats,
    store,
    list,
    calls,
    raise,
    /** Changes a setting of the stream, as an operator may. */
    async limit(setting: Partial<StreamConfig>): Promise<void> {
      const { streams } = await stream.client.jetstreamManager();
      const { config } = await streams.info('TOCSIN');
      await streams.update('TOCSIN', { ...config, ...setting });
    },
    first: async () =>
      (await (await stream.client.jetstreamManager()).streams.info('TOCSIN')).state.first_seq,
    /** Starts a worker that ends with the test, or before. */
    work(): () => Promise<void> {
      const stop = new AbortController();
      const indexes = sqliteDueIndexes({ file: join(folder, 'due.db'), storeId });
      const processes = deliveryProcesses({
        store,
        requests: jetStreamInbox({ servers: nats.url }),
        letThrough: state,
        indexes,
        list,
        texts: scheduleProduct.texts,
        channels: {
          feishu: {
            find: (userId) =>
              Promise.resolve({
                kind: 'open',
                channel: {
                  version: 1,
                  limitKey: '',
                  limits: { inFlight: 64, rates: [] },
                  send: () => {
                    calls.push(userId);
                    return Promise.resolve({ outcome: 'accepted', code: '0' });
                  },
                },
              }),
          },
        },
      });
      const running = Promise.all(processes.map((process) => process.run(stop.signal)));
      const end = async (): Promise<void> => {
        stop.abort();
        await running;
        indexes[Symbol.dispose]();
      };
      onTestFinished(end);
      return end;
    },
    async verify() {
      await using messages = await jetStreamReader({ servers: nats.url });
      const audit = createAudit({ log: store, state, messages, scratch: temporaryReadModel });
      return await audit.verify();
    },
  };
}

const users = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i)).toSorted();

test.each([
  ['max_msgs', { max_msgs: 20 }],
  ['max_bytes', { max_bytes: 12_000 }],
  ['max_age', { max_age: 1_000_000_000, duplicate_window: 1_000_000_000 }],
] as const)(
  'a worker delivers once each request whose message the limit %s had discarded before it started',
  async (_name, limit) => {
    const made = await world();
    await made.raise(1, 60);
    await made.limit(limit);
    await until('the stream discards messages', async () => (await made.first()) > 60);
    made.work();
    await until('all are delivered', () => made.list.counts()['delivered'] === 60);
    expect(made.calls.toSorted()).toEqual(users(1, 60));
    expect((await made.verify()).mismatches).toEqual([]);
  },
);

test('a worker delivers once each request that a limit discards while it runs', async () => {
  const made = await world();
  await made.raise(1, 1);
  await made.limit({ max_msgs: 3 });
  made.work();
  await until('it is delivered', () => made.list.counts()['delivered'] === 1);
  await made.raise(2, 80);
  await until('all are delivered', () => made.list.counts()['delivered'] === 80);
  expect(made.calls.toSorted()).toEqual(users(1, 80));
});

test('a discarded request whose life is over ends as expired in the list of deliveries', async () => {
  const made = await world();
  await made.raise(1, 9, 120 * MINUTE_MS);
  await made.limit({ max_msgs: 2 });
  made.work();
  await until('all have ended', () => made.list.counts()['expired'] === 9);
  expect(made.calls).toEqual([]);
});

test('audit verify names discarded requests while no worker has recorded them', async () => {
  const made = await world();
  await made.raise(1, 2);
  const stopped = made.work();
  await until('both are delivered', () => made.list.counts()['delivered'] === 2);
  await stopped();
  await made.raise(3, 9);
  await made.limit({ max_msgs: 4 });
  const { mismatches, mismatchCounts } = await made.verify();
  expect(mismatchCounts).toEqual({ request_discarded: 5 });
  expect(mismatches[0]).toMatchObject({ detail: expect.stringContaining('user 3') as string });
  made.work();
  await until('all are delivered', () => made.list.counts()['delivered'] === 9);
  expect((await made.verify()).mismatches).toEqual([]);
});

// A log that is put back while a worker runs: each process that follows the log notices it at its next connection.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { sqliteDeliveryIndex } from '../../src/adapters/sqlite/delivery-index.ts';
import { categoryPrefix } from '../../src/domain/core/ids.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { systemRuntime } from '../../src/kernel/decider/runtime.ts';
import { deliveryProcesses } from '../../src/kernel/processes/delivery/processes.ts';
import type { DueIndexes } from '../../src/kernel/processes/due/due-index.ts';
import type { Process } from '../../src/kernel/processes/due/process.ts';
import { EVALUATION_INDEX, evaluationProcess } from '../../src/kernel/processes/evaluation.ts';
import { EXPIRY_INDEX, expiryProcess } from '../../src/kernel/processes/expiry.ts';
import { triggerPrefixes } from '../../src/kernel/processes/trigger-streams.ts';
import { DUE_JOB_INDEX, scannerProcess } from '../../src/schedule/scanner.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { memoryDueIndexStore } from '../support/due-indexes.ts';
import { until } from '../support/until.ts';

const NAME = 'tocsin';
const CATEGORIES = [
  categoryPrefix(NAME, 'notification'),
  categoryPrefix(NAME, 'duejob'),
  ...triggerPrefixes(NAME),
];

/** A store with one event in a stream of each category. */
async function filledStore(): Promise<EventStore> {
  const store = memoryStore();
  for (const category of CATEGORIES) {
    const event = { id: randomUUID(), type: 'Other', data: {}, metadata: {} };
    await store.append(`${category}x`, 'no_stream', [event]);
  }
  return store;
}

/** A store whose connection is lost, and found again before an older copy of the log. */
function putBack(log: EventStore) {
  let current = log;
  const restored = Promise.withResolvers<undefined>();
  const store: EventStore = {
    append: (...call) => current.append(...call),
    readStream: (...call) => current.readStream(...call),
    readAll: (...call) => current.readAll(...call),
    async *subscribeAll({ from, prefixes, signal }) {
      for await (const page of current.readAll({ direction: 'forwards', from, prefixes })) {
        yield page.map((event) => ({ kind: 'event', event }) as const);
      }
      yield [{ kind: 'caughtUp' }];
      await restored.promise;
      yield [{ kind: 'disconnected', reason: 'the node is gone' }];
      yield [{ kind: 'connected' }];
      if (signal?.aborted === false) await once(signal, 'abort');
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return {
    store,
    restore: (older: EventStore): void => {
      current = older;
      restored.resolve(undefined);
    },
  };
}

type Made = { readonly process: Process; readonly position: () => unknown };

const runtime = systemRuntime();

function ofDelivery(name: string, store: EventStore, indexes: DueIndexes): Made {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-restored-'));
  const list = sqliteDeliveryIndex({ file: join(folder, 'deliveries.db'), storeId: 'log-1' });
  onTestFinished(() => {
    list[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  const opened: ReturnType<DueIndexes['open']>[] = [];
  const processes = deliveryProcesses({
    store,
    list,
    requests: { run: () => Promise.resolve() },
    indexes: {
      ...indexes,
      open(index) {
        const one = indexes.open(index);
        opened.push(one);
        return one;
      },
    },
    lookup: () => Promise.resolve({ kind: 'closed', reason: 'no_channel' }),
    send: () => Promise.reject(new Error('nothing is sent')),
    texts: scheduleProduct.texts,
  });
  const process = processes.find((each) => each.name === name);
  if (process === undefined) throw new Error(`no process ${name}`);
  const position = () => (name === 'delivery-list' ? list.position() : opened[0]?.position());
  return { process, position };
}

const READERS: readonly (readonly [
  name: string,
  make: (store: EventStore, indexes: DueIndexes) => Made,
])[] = [
  ['delivery-attempts', (store, indexes) => ofDelivery('delivery-attempts', store, indexes)],
  ['delivery-list', (store, indexes) => ofDelivery('delivery-list', store, indexes)],
  [
    'evaluation',
    (store, indexes) => {
      const index = indexes.open(EVALUATION_INDEX);
      const evaluate = () => Promise.reject(new Error('nothing is evaluated'));
      const process = evaluationProcess({ ...scheduleProduct, store, index, evaluate, runtime });
      return { process, position: () => index.position() };
    },
  ],
  [
    'expiry',
    (store, indexes) => {
      const index = indexes.open(EXPIRY_INDEX);
      return { process: expiryProcess({ store, index }), position: () => index.position() };
    },
  ],
  [
    'scanner',
    (store, indexes) => {
      const index = indexes.open(DUE_JOB_INDEX);
      const kernel = { raise: () => Promise.reject(new Error('nothing is raised')) };
      const none = () => Promise.resolve(undefined);
      const source = { task: none, block: none, changes: () => [], snapshot: () => [] } as never;
      const process = scannerProcess({ ...runtime, store, kernel, source, detectors: [], index });
      return { process, position: () => index.position() };
    },
  ],
];

test.each(READERS)(
  'the process %s refuses a log that was put back while it was connected',
  async (_name, make) => {
    const log = await filledStore();
    const { store, restore } = putBack(log);
    using indexes = memoryDueIndexStore().open('log-1');
    const { process, position } = make(store, indexes);
    const waits: string[] = [];
    const report = { works: () => undefined, waits: (reason: string) => waits.push(reason) };
    const running = process.run(new AbortController().signal, report);
    const ended = expect(running).rejects.toMatchObject({ kind: 'refused', code: 'log_shorter' });
    await until('the log is read', () => position() !== undefined);
    restore(memoryStore());
    await ended;
    expect(waits).toEqual(['the node is gone']);
  },
);

test.each(READERS)('the process %s goes on when the log is as before', async (_name, make) => {
  const log = await filledStore();
  const { store, restore } = putBack(log);
  using indexes = memoryDueIndexStore().open('log-1');
  const { process, position } = make(store, indexes);
  let isBack = false;
  const waits: string[] = [];
  const report = {
    works: () => (isBack = waits.length > 0),
    waits: (reason: string) => waits.push(reason),
  };
  const stop = new AbortController();
  const running = process.run(stop.signal, report);
  await until('the log is read', () => position() !== undefined);
  restore(log);
  await until('it goes on', () => isBack);
  stop.abort();
  await expect(running).resolves.toBeUndefined();
});

// A worker and a projector over a real JetStream, and a channel that remembers whom it was called for.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StreamConfig } from 'nats';
import { onTestFinished } from 'vitest';
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
import {
  deliveryProcesses,
  type DeliveryOptions,
} from '../../src/kernel/processes/delivery/processes.ts';
import type { MessageKeys } from '../../src/projections/message-signature.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { rawStream } from '../support/jetstream.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { anInput, raised } from '../support/world.ts';

export type JetStreamWorld = Awaited<ReturnType<typeof jetStreamWorld>>;

/** Ends with its test. @param options.keys with which the projector signs */
export async function jetStreamWorld({ keys }: { readonly keys?: MessageKeys } = {}) {
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
    await openProjector({ store, state, output, messageKeys: keys }).once();
  };
  return {
    nats,
    stream,
    store,
    state,
    output,
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
    work(options: Partial<DeliveryOptions> = {}): () => Promise<void> {
      const stop = new AbortController();
      const indexes = sqliteDueIndexes({ file: join(folder, 'due.db'), storeId });
      const processes = deliveryProcesses({
        store,
        requests: jetStreamInbox({ servers: nats.url }),
        letThrough: state,
        ...options,
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

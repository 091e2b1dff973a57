// A small world in which notifications are delivered: a log, a projector, a request queue, a scripted channel,
// workers that can be stopped and killed, and time that only tests move.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import type { FaultScript } from '../../src/adapters/eventstore/memory/faults.ts';
import { memoryDueIndexStore } from '../support/due-indexes.ts';
import {
  memoryRequestQueue,
  type MemoryRequestQueue,
} from '../../src/adapters/memory/request-queue.ts';
import {
  recordingOutput,
  type RecordingOutput,
} from '../../src/adapters/memory/recording-output.ts';
import {
  memoryReadModelStore,
  type MemoryReadModelStore,
} from '../../src/adapters/memory/read-model.ts';
import { sqliteDeliveryIndex } from '../../src/adapters/sqlite/delivery-index.ts';
import { messageId, parseOccurrenceId, userStream } from '../../src/domain/core/ids.ts';
import { formatInstant } from '../../src/domain/core/instants.ts';
import { deliveryCodec, type DeliveryEvent } from '../../src/domain/delivery/events.ts';
import { deliveryStream } from '../../src/domain/delivery/stream.ts';
import type { Delivery } from '../../src/domain/delivery/state.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type {
  ChannelLookup,
  ChannelTarget,
  OutgoingMessage,
  Sender,
  SendOutcome,
} from '../../src/domain/ports/sender.ts';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';
import { openKernel, type Kernel, type KernelOptions } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import {
  deliveryProcesses,
  type DeliveryOptions,
} from '../../src/kernel/processes/delivery/processes.ts';
import { deliveryDecider } from '../../src/kernel/processes/delivery/delivery-decider.ts';
import type { DeliveryIndex } from '../../src/kernel/processes/delivery/delivery-index.ts';
import { virtualTime, type VirtualTime } from '../support/virtual-time.ts';
import { until } from '../support/until.ts';
import { anInput, eventsOf, QUICK, raised } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

/** One call of the scripted channel. */
export type Call = {
  readonly notice: OutgoingMessage;
  readonly target: ChannelTarget;
  readonly signal: AbortSignal;
  readonly at: number;
};

export type DeliveryWorld = AsyncDisposable & {
  readonly store: EventStore;
  readonly kernel: Kernel;
  readonly time: VirtualTime;
  readonly output: RecordingOutput;
  /** The read model's file, so to speak. */
  readonly file: MemoryReadModelStore;
  readonly requests: MemoryRequestQueue;
  readonly calls: Call[];
  /** What the next calls answer, in order; then everything is accepted. */
  readonly answers: (SendOutcome | ((call: Call) => Promise<SendOutcome>))[];
  /** Users without a channel, with the reason. */
  readonly closed: Map<string, 'no_channel' | 'channel_disabled'>;
  /** Raises a trigger, projects it, and returns its notice. */
  readonly notify: (input?: Partial<RaiseInput>) => Promise<Notified>;
  /** Starts a worker; disposing stops it. */
  readonly worker: (options?: Partial<DeliveryOptions>) => Promise<Worker>;
  /** What workers ask about channels, unless told otherwise. */
  readonly lookup: ChannelLookup;
  readonly delivery: (notice: Notified) => Promise<Delivery | undefined>;
  readonly events: (notice: Notified) => Promise<readonly DeliveryEvent[]>;
  /** Waits until the record says so. */
  readonly when: (
    notice: Notified,
    what: string,
    holds: (delivery: Delivery) => boolean,
  ) => Promise<Delivery>;
  /** The user's channel is there from now on, and its stream says so. */
  readonly configure: (userId: string) => Promise<void>;
  /** Says in the trigger's stream that its preview has ended. */
  readonly endPreview: (notice: Notified, ending: string) => Promise<void>;
  /** Moves time to when the record is next due. */
  readonly toNextDue: (notice: Notified) => Promise<void>;
};

export type Notified = {
  readonly id: string;
  readonly stream: string;
  readonly triggerId: string;
  readonly previewId: string;
  readonly userId: string;
};

export type Worker = AsyncDisposable & {
  readonly ended: Promise<void>;
  /** Its list of deliveries. */
  readonly list: DeliveryIndex;
  /** The worker is gone as if killed: nothing it still does reaches the store or the channel. */
  readonly kill: () => void;
};

export type StoreKind = 'memory' | 'embedded';

/** The stores that a worker is tested on in breadth. */
export const STORES: readonly StoreKind[] = ['memory', 'embedded'];

export async function deliveryWorld(
  options: {
    readonly store?: StoreKind;
    readonly faults?: FaultScript;
    readonly kernel?: Partial<KernelOptions>;
    /** The creation time of the stream that the queue reports. */
    readonly created?: string;
  } = {},
): Promise<DeliveryWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-delivery-'));
  const store =
    options.store === 'embedded'
      ? await embeddedStore({ file: join(folder, 'store.db') })
      : memoryStore({ faults: options.faults });
  const time = virtualTime();
  const kernel = await openKernel({ ...scheduleProduct, store, clock: time, ...options.kernel });
  const output = recordingOutput();
  const file = memoryReadModelStore();
  const requests = memoryRequestQueue({ source: output, created: options.created });
  const calls: Call[] = [];
  const answers: DeliveryWorld['answers'] = [];
  const closed: DeliveryWorld['closed'] = new Map();
  const workers: Worker[] = [];
  let files = 0;
  let raises = 0;

  const send: Sender = async (notice, target, signal) => {
    const call = { notice, target, signal, at: time.now() };
    calls.push(call);
    const answer = answers.shift() ?? { outcome: 'accepted', code: '0' };
    return typeof answer === 'function' ? answer(call) : answer;
  };

  const lookup: ChannelLookup = (userId, channel) => {
    const reason = closed.get(userId);
    return Promise.resolve(
      reason === undefined
        ? { kind: 'open', target: targetOf(userId, channel) }
        : { kind: 'closed', reason },
    );
  };

  const world: DeliveryWorld = {
    store,
    kernel,
    time,
    output,
    file,
    requests,
    calls,
    answers,
    closed,
    lookup,
    async notify(input = {}) {
      raises += 1;
      const { triggerId, previewId = '' } = await raised(kernel, anInput(raises, input));
      const projector = openProjector({
        store,
        output,
        clock: time,
        timing: QUICK,
        state: file.open(),
      });
      await projector.once();
      const log = await eventsOf(store);
      const request = log.find(
        ({ type, data }) =>
          type === 'NotificationRequested' &&
          (data as { triggerId: string }).triggerId === triggerId,
      );
      const id = messageId(request?.id ?? '', 'notification.requested');
      const userId = String(input.userId ?? 1);
      return { id, stream: deliveryStream('tocsin', userId, id), triggerId, previewId, userId };
    },
    async worker(more = {}) {
      const stop = new AbortController();
      const gate = { dead: false };
      files += 1;
      let ready = false;
      const indexes = memoryDueIndexStore().open(`log-${files}`);
      const listFile = join(folder, `deliveries-${files}.db`);
      const list = sqliteDeliveryIndex({ file: listFile, storeId: kernel.storeId });
      const processes = deliveryProcesses({
        texts: scheduleProduct.texts,
        frontendUrl: 'https://tocsin.example.com',
        requests,
        indexes,
        list,
        lookup,
        send: (notice, target, signal) =>
          gate.dead ? new Promise(() => undefined) : send(notice, target, signal),
        runtime: time,
        onCaughtUp: () => {
          ready = true;
        },
        ...more,
        store: mortal(more.store ?? store, gate),
      });
      const runs = processes.map((process) => process.run(stop.signal));
      const ended = Promise.all(runs).then(() => undefined);
      // Whoever waits for the end hears of it; nobody else has to.
      ended.catch(() => undefined);
      await until('a worker has caught up', () => ready);
      const worker: Worker = {
        ended,
        list,
        kill: () => {
          gate.dead = true;
          stop.abort();
        },
        async [Symbol.asyncDispose]() {
          stop.abort();
          if (!gate.dead) await ended.catch(() => undefined);
          indexes[Symbol.dispose]();
          list[Symbol.dispose]();
        },
      };
      workers.push(worker);
      return worker;
    },
    delivery: async ({ stream }) => (await deliveryDecider.load(store, stream)).state,
    async events({ stream }) {
      const recorded = await eventsOf(store, stream);
      return recorded.map((event) => {
        const decoded = deliveryCodec.decode(event);
        if (decoded.kind !== 'event') throw new Error(`unreadable: ${event.type}`);
        return decoded.event;
      });
    },
    when: ({ stream }, what, holds) =>
      until(what, async () => {
        const { state: delivery } = await deliveryDecider.load(store, stream);
        return delivery !== undefined && holds(delivery) ? delivery : undefined;
      }),
    async configure(userId) {
      closed.delete(userId);
      const stream = userStream('tocsin', 'channel', userId, `${userId}:feishu`);
      const expected = (await eventsOf(store, stream)).at(-1)?.revision ?? 'no_stream';
      const event = { id: randomUUID(), type: 'ChannelConfigured', data: { userId }, metadata: {} };
      const { outcome } = await store.append(stream, expected, [event]);
      if (outcome !== 'appended') throw new Error(outcome);
    },
    async endPreview({ triggerId, previewId, userId }, ending) {
      const stream = parseOccurrenceId('tocsin', triggerId)?.stream ?? '';
      const expected = (await eventsOf(store, stream)).at(-1)?.revision ?? 'no_stream';
      const data = { triggerId, occurrence: 1, previewId, userId, ending };
      const metadata = {
        schemaVersion: 1,
        recordedAt: formatInstant(time.now()),
        correlationId: triggerId,
        causationId: triggerId,
        commandId: triggerId,
      };
      const event = { id: randomUUID(), type: 'PreviewEnded', data, metadata };
      const { outcome } = await store.append(stream, expected, [event]);
      if (outcome !== 'appended') throw new Error(outcome);
    },
    async toNextDue(notice) {
      const delivery = await world.when(
        notice,
        'it waits',
        ({ phase }) => phase.status === 'waiting',
      );
      if (delivery.phase.status !== 'waiting') throw new Error('it does not wait');
      time.advance(Math.max(0, delivery.phase.dueAt - time.now()));
    },
    async [Symbol.asyncDispose]() {
      for (const worker of workers) await worker[Symbol.asyncDispose]();
      await kernel.close();
      await store[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
  return world;
}

export function targetOf(userId: string, channel: ChannelTarget['channel']): ChannelTarget {
  const kind = channel === 'feishu' ? 'feishu_flow' : 'webhook';
  return { channel, kind, version: 1, url: `https://channel.example/${userId}` };
}

/** The same store, until its worker is dead: then nothing comes back any more. */
function mortal(store: EventStore, gate: { readonly dead: boolean }): EventStore {
  return {
    ...store,
    append: (...args) => (gate.dead ? new Promise(() => undefined) : store.append(...args)),
    readStream: (...args) => store.readStream(...args),
    readAll: (...args) => store.readAll(...args),
    subscribeAll: (...args) => store.subscribeAll(...args),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

// The whole way from a raise to a receiver: embedded store, projector, nats-server, worker, HTTP.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { jetStreamInbox } from '../../src/adapters/nats/inbox.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { startNatsServer } from '../../src/adapters/nats/server.ts';
import { channelSender } from '../../src/adapters/senders/sender.ts';
import { sqliteDeliveryIndex } from '../../src/adapters/sqlite/delivery-index.ts';
import { sqliteDueIndexes } from '../../src/adapters/sqlite/due-index.ts';
import { sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import type { ChannelLookup } from '../../src/domain/ports/sender.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { openWorker } from '../../src/kernel/open-worker.ts';
import { deliveryProcesses } from '../../src/kernel/processes/delivery/processes.ts';
import type { DeliveryIndex } from '../../src/kernel/processes/delivery/delivery-index.ts';
import { addressAt, openReceiver, type Behaviour } from './receiver.ts';
import { IN_FLIGHT } from './store.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

/** Users by how their channel behaves; those of the last two share one address. */
const GROUPS = [
  { first: 1, behaviour: 'ok', isShared: false },
  { first: 1_000_000, behaviour: 'fail', isShared: false },
  { first: 2_000_000, behaviour: 'slow', isShared: false },
  { first: 3_000_000, behaviour: 'fail', isShared: true },
  { first: 4_000_000, behaviour: 'slow', isShared: true },
] as const;

export type Delivering = AsyncDisposable & {
  readonly list: DeliveryIndex;
  /** Raises for `count` users whose channels behave so, as fast as it goes. */
  readonly raise: (count: number, behaviour: Behaviour, isShared: boolean) => Promise<void>;
  /** Raises for `count` others, evenly spread; how long each took until it was received, in order. */
  readonly others: (count: number, everyMs: number) => Promise<readonly number[]>;
};

/** What a lookup says of a user of the bench. */
export function lookupAt(origin: string): ChannelLookup {
  return (userId, channel) => {
    const url = urlOf(origin, Number(userId));
    return Promise.resolve({
      kind: 'open',
      target: { channel, kind: 'feishu_flow', version: 1, url },
    });
  };
}

function urlOf(origin: string, user: number): string {
  const group = GROUPS.findLast(({ first }) => user >= first) ?? GROUPS[0];
  return addressAt(origin, group.behaviour, group.isShared ? 'one' : String(user));
}

/** A sender that may call `origin`. */
export function senderTo(origin: string) {
  return channelSender({ addresses: { ports: [], privateTargets: true, standIn: origin } });
}

export async function openDelivering(folder: string): Promise<Delivering> {
  await using opened = new AsyncDisposableStack();
  const receiver = opened.use(await openReceiver());
  const server = opened.use(await startNatsServer({ storeDir: join(folder, 'nats') }));
  const store = opened.use(
    await embeddedStore({ file: join(folder, 'events.db'), holder: 'npm run bench' }),
  );
  const kernel = await openKernel({ ...scheduleProduct, store });
  opened.defer(() => kernel.close());
  const { storeId } = kernel;
  const state = opened.use(sqliteReadModel({ file: join(folder, 'state.db') }));
  const indexes = opened.use(sqliteDueIndexes({ file: join(folder, 'due.db'), storeId }));
  const list = opened.use(sqliteDeliveryIndex({ file: join(folder, 'list.db'), storeId }));
  const { origin } = receiver;
  const output = jetStreamOutput({ servers: server.url });
  const projector = openProjector({ store, state, output });
  const requests = jetStreamInbox({ servers: server.url });
  const [send, lookup] = [senderTo(origin), lookupAt(origin)];
  const worker = openWorker({
    processes: deliveryProcesses({
      texts: scheduleProduct.texts,
      store,
      requests,
      indexes,
      list,
      lookup,
      send,
    }),
  });
  const stop = new AbortController();
  const running = Promise.all([projector.run(stop.signal), worker.run(stop.signal)]);
  // Who waits for something hears of it there.
  running.catch(() => undefined);
  opened.defer(async () => {
    stop.abort();
    await running;
  });
  const held = opened.move();
  let users = 0;
  const raiseOne = async (user: number): Promise<void> => {
    const { outcome } = await kernel.raise(inputOf(user));
    if (outcome !== 'raised') throw new Error(`a request of the bench was answered: ${outcome}`);
  };
  return {
    list,
    async raise(count, behaviour, isShared) {
      const group = GROUPS.find((one) => one.behaviour === behaviour && one.isShared === isShared);
      const first = group?.first ?? 1;
      const inputs = Array.from({ length: count }, (_, n) => inputOf(first + n));
      for await (const { outcome } of kernel.raiseAll(inputs, { concurrency: IN_FLIGHT })) {
        if (outcome !== 'raised')
          throw new Error(`a request of the bench was answered: ${outcome}`);
      }
    },
    async others(count, everyMs) {
      const begun = new Map<string, number>();
      const raising: Promise<void>[] = [];
      for (let n = 0; n < count; n += 1) {
        users += 1;
        begun.set(new URL(urlOf(origin, users)).pathname, Date.now());
        raising.push(raiseOne(users));
        await sleep(everyMs);
      }
      await Promise.all(raising);
      await until(running, () => [...begun.keys()].every((path) => receiver.firstCalls.has(path)));
      return [...begun]
        .map(([path, at]) => (receiver.firstCalls.get(path) ?? NaN) - at)
        .toSorted((a, b) => a - b);
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** A request of now, because a preview lives for an hour. */
export function inputOf(userId: number) {
  return {
    userId,
    triggerType: 'important_urgent_task',
    source: 'api_trigger',
    targetType: 'task_pool',
    targetId: 1,
  } as const;
}

/** Waits for something, or fails when what should bring it about has ended. */
async function until(running: Promise<unknown>, holds: () => boolean): Promise<void> {
  const ended = async (): Promise<never> => {
    await running;
    throw new Error('the worker of the bench has ended');
  };
  while (!holds()) await Promise.race([ended(), sleep(20)]);
}

/** The value that `share` of the sorted values lie below. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

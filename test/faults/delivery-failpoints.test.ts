// Crashes a delivery worker at each point between two effects, and at each pair of points. After each crash a
// new worker continues, the delivery ends, and no attempt is called twice.
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { memoryDueIndexStore } from '../support/due-indexes.ts';
import { memoryRequestQueue } from '../../src/adapters/memory/request-queue.ts';
import { LEASE_MARGIN_MS } from '../../src/domain/delivery/effects.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { Sender } from '../../src/domain/ports/sender.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { deliveryProcesses } from '../../src/kernel/processes/delivery/processes.ts';
import { memoryReadModel, recordingOutput } from '../../src/testing.ts';
import { targetOf } from '../delivery/world.support.ts';
import {
  failpoints,
  witness,
  wrapped,
  type Around,
  type Failpoints,
} from '../harness/failpoints.ts';
import { virtualTime, type VirtualTime } from '../support/virtual-time.ts';
import { anInput, eventsOf, QUICK } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { LONG_PROOF_MS, SLOW_TEST_MS } from '../support/timeouts.ts';

/** What survives a worker. */
type Disk = {
  readonly store: EventStore;
  readonly requests: ReturnType<typeof memoryRequestQueue>;
  readonly indexes: ReturnType<typeof memoryDueIndexStore>;
  readonly time: VirtualTime;
  readonly storeId: string;
  readonly calls: string[];
};

/** A log with one request, which is in the queue. */
async function disk(): Promise<Disk> {
  const store = memoryStore();
  const time = virtualTime();
  const kernel = await openKernel({ ...scheduleProduct, store, clock: time });
  await kernel.raise(anInput(1));
  const output = recordingOutput();
  const projector = openProjector({
    store,
    output,
    clock: time,
    timing: QUICK,
    state: memoryReadModel(),
  });
  await projector.once();
  const requests = memoryRequestQueue({ source: output });
  const { storeId } = kernel;
  return { store, requests, indexes: memoryDueIndexStore(), time, storeId, calls: [] };
}

type Life = {
  readonly points: Failpoints;
  readonly unguarded: readonly string[];
  readonly end: 'died' | 'done';
};

/** Where a worker dies: at the n-th time that it reaches a point. */
type Place = { readonly point: string; readonly nth: number };

/** One worker from its start to its death, or until everything is delivered. */
async function live(from: Disk, failures: number, dies?: Place): Promise<Life> {
  let passed = 0;
  const points = failpoints((point) => point === dies?.point && ++passed === dies.nth);
  const seen = witness(points);
  const both = <T>(port: T, wrap: (inner: T, around: Around) => T): T =>
    wrap(wrap(port, seen.around), points.around);
  const send: Sender = ({ notificationId, attempt }) => {
    from.calls.push(`${notificationId} ${attempt}`);
    return Promise.resolve(
      attempt <= failures
        ? { outcome: 'transient', code: 'provider_5xx', detail: '' }
        : { outcome: 'accepted' },
    );
  };
  const stop = new AbortController();
  const processes = deliveryProcesses({
    texts: scheduleProduct.texts,
    store: both(from.store, wrapped.store),
    requests: both(from.requests, wrapped.requests),
    indexes: both(from.indexes.open(from.storeId), wrapped.indexes),
    send: both(send, wrapped.send),
    lookup: (userId, channel) =>
      Promise.resolve({ kind: 'open', target: targetOf(userId, channel) }),
    runtime: from.time,
    profile: { waits: [1_000, 1_000, 1_000, 1_000] },
  });
  const runs = processes.map((process) => process.run(stop.signal));
  const ended = Promise.all(runs);
  const over = untilOver(from, points, stop.signal);
  const died = points.death.then(() => 'died' as const);
  const failed = ended.then(() => died);
  const end = await Promise.race([died, over, failed]);
  stop.abort();
  // What a dead process still does has no effect, and its failures are nobody's.
  if (end === 'died') ended.catch(() => undefined);
  else await ended;
  return { points, unguarded: seen.unguarded, end };
}

/** Moves time on whenever nothing happens by itself. */
async function untilOver(
  { store, requests, time }: Disk,
  points: Failpoints,
  signal: AbortSignal,
): Promise<'done'> {
  let last = -1;
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const types = await typesOf(store);
    const isAcked = requests.answers.some(({ answer }) => answer === 'ack');
    const isOver = types.at(-1) === 'AttemptSucceeded' && isAcked;
    const isQuiet = points.reached.length === last;
    if (isOver && isQuiet) return 'done';
    if (isQuiet) time.advance(LEASE_MARGIN_MS);
    last = points.reached.length;
  }
  return 'done';
}

/** Longer than the queue takes to deliver a message again and to acknowledge it. */
const QUIET_MS = 12;

const typesOf = async (store: EventStore): Promise<readonly string[]> =>
  (await eventsOf(store))
    .filter(({ stream }) => stream.startsWith('tocsin.notification-'))
    .map(({ type }) => type);

/** Every point of a life, each time that it was reached; of an index's commits the first, for their number depends on how pages fall. */
function placesOf({ reached }: Failpoints): readonly Place[] {
  const times = new Map<string, number>();
  return reached
    .map((point) => {
      const nth = (times.get(point) ?? 0) + 1;
      times.set(point, nth);
      return { point, nth };
    })
    .filter(({ point, nth }) => nth === 1 || !point.startsWith('commit'));
}

async function expectOneDelivery({ store, calls }: Disk, deaths: number, at: string) {
  const types = await typesOf(store);
  expect(types.filter((type) => type === 'NotificationAccepted').length, at).toBe(1);
  expect(types.filter((type) => type === 'AttemptSucceeded').length, at).toBe(1);
  const unknown = types.filter((type) => type === 'AttemptOutcomeUnknown');
  expect(unknown.length, at).toBeLessThanOrEqual(deaths);
  expect(new Set(calls).size, at).toBe(calls.length);
  const started = types.filter((type) => type === 'AttemptStarted');
  expect(calls.length, at).toBeLessThanOrEqual(started.length);
}

const named = ({ point, nth }: Place): string => `${point} (${nth})`;

describe('delivery failpoints', () => {
  it('surround every kind of effect', async () => {
    const { points, unguarded, end } = await live(await disk(), 1);
    expect([end, unguarded]).toEqual(['done', []]);
    const effects = points.reached.map((point) => point.replace(/ (before|sent|after)$/, ''));
    expect(new Set(effects)).toEqual(
      new Set([
        'append notification NotificationAccepted',
        'append notification AttemptStarted',
        'call',
        'append notification AttemptFailed',
        'append notification AttemptSucceeded',
        'acknowledge',
        'commit',
      ]),
    );
  });
});

describe('delivery worker that crashes', { timeout: SLOW_TEST_MS }, () => {
  it('leaves a delivery that ends, at each failpoint', async () => {
    const places = placesOf((await live(await disk(), 1)).points);
    expect(places.length).toBeGreaterThan(20);
    await Promise.all(
      places.map(async (place) => {
        const left = await disk();
        expect([(await live(left, 1, place)).end, named(place)]).toEqual(['died', named(place)]);
        expect((await live(left, 1)).end).toBe('done');
        await expectOneDelivery(left, 1, named(place));
      }),
    );
  });

  it(
    'leaves a delivery that ends when its successor crashes too, at each pair of failpoints',
    async () => {
      const places = placesOf((await live(await disk(), 0)).points);
      const pairs = await Promise.all(
        places.map(async (first) => {
          const recovered = await disk();
          await live(recovered, 0, first);
          const seconds = placesOf((await live(recovered, 0)).points);
          await Promise.all(
            seconds.map(async (second) => {
              const at = `${named(first)}, then ${named(second)}`;
              const left = await disk();
              expect([(await live(left, 0, first)).end, at]).toEqual(['died', at]);
              const deaths = (await live(left, 0, second)).end === 'died' ? 2 : 1;
              if (deaths === 2) expect((await live(left, 0)).end, at).toBe('done');
              await expectOneDelivery(left, deaths, at);
            }),
          );
          return seconds.length;
        }),
      );
      const total = pairs.reduce((sum, n) => sum + n, 0);
      process.stdout.write(`crashes of a worker: ${places.length} points, ${total} pairs\n`);
      expect(total).toBeGreaterThan(places.length * 3);
    },
    LONG_PROOF_MS,
  );
});

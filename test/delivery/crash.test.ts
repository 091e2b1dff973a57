// Workers that are killed, suspended or run at once, at every append: each delivery ends, perhaps after an
// unknown outcome, and no attempt is called twice.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LEASE_MARGIN_MS } from '../../src/domain/delivery/effects.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { SendOutcome } from '../../src/domain/ports/sender.ts';
import { until } from '../support/until.ts';
import { deliveryWorld, type DeliveryWorld, type Notified } from './world.support.ts';

const LEASE_MS = 20_000;
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

/** No two calls for one attempt of one notice. */
function expectNoDoubleCalls(world: DeliveryWorld): void {
  const calls = world.calls.map(({ notice }) => `${notice.notificationId} ${notice.attempt}`);
  expect(new Set(calls).size).toBe(calls.length);
}

/** Advances the time until the delivery has ended. */
async function toTheEnd(world: DeliveryWorld, notice: Notified): Promise<string> {
  for (;;) {
    const delivery = await world.delivery(notice);
    const status = delivery?.phase.status;
    if (delivery !== undefined && status !== 'waiting' && status !== 'attempting') {
      return status ?? 'none';
    }
    const before = delivery?.attempts;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const after = await world.delivery(notice);
    if (after?.attempts !== before || after?.phase.status !== status) continue;
    const dueAt = after?.phase.status === 'waiting' ? after.phase.dueAt : 0;
    world.time.advance(Math.max(5_000, dueAt - world.time.now()));
  }
}

/** A store that kills its worker at the n-th append to a record: before it is written, or after. */
function killingStore(
  store: EventStore,
  at: { readonly append: number; readonly when: 'before' | 'after' },
  kill: () => void,
): EventStore {
  let appends = 0;
  let dead = false;
  return {
    ...store,
    async append(stream, ...args) {
      if (dead) return never();
      if (!stream.startsWith('tocsin.notification-')) return store.append(stream, ...args);
      appends += 1;
      const isHere = appends === at.append;
      if (isHere && at.when === 'before') dead = true;
      if (dead) {
        kill();
        return never();
      }
      const result = await store.append(stream, ...args);
      if (!isHere) return result;
      dead = true;
      kill();
      return never();
    },
    readStream: (...args) => store.readStream(...args),
    readAll: (...args) => store.readAll(...args),
    subscribeAll: (...args) => store.subscribeAll(...args),
  };
}

const TRANSIENT: SendOutcome = { outcome: 'transient', code: 'provider_5xx', detail: '' };

describe('delivery worker, killed', () => {
  // The way of a delivery with one failure: accepted, started, failed, started, succeeded.
  const steps = [1, 2, 3, 4, 5].flatMap((append) =>
    (['before', 'after'] as const).map((when) => ({ append, when })),
  );

  it.each(steps)(
    'leaves a delivery that ends when it is killed $when append $append',
    async (at) => {
      await using world = await deliveryWorld();
      world.answers.push(TRANSIENT);
      const notice = await world.notify();
      const death = Promise.withResolvers<undefined>();
      const state = { killed: false };
      const store = killingStore(world.store, at, () => {
        state.killed = true;
        death.resolve(undefined);
      });
      const first = await world.worker({ store });
      void death.promise.then(first.kill);
      // Its time goes on until it is dead.
      const isDead = (): boolean => state.killed;
      while (!isDead()) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        if ((await world.delivery(notice))?.phase.status === 'waiting') world.time.advance(500);
      }
      await world.worker();
      expect(await toTheEnd(world, notice)).toBe('delivered');
      expectNoDoubleCalls(world);
      const events = await world.events(notice);
      const unknown = events.filter(({ type }) => type === 'AttemptOutcomeUnknown');
      // Only where an attempt was under way does nobody know.
      const wasUnderWay =
        at.append === 3 || at.append === 5
          ? at.when === 'before'
          : (at.append === 2 || at.append === 4) && at.when === 'after';
      expect(unknown).toHaveLength(wasUnderWay ? 1 : 0);
    },
  );

  it.each(['before', 'after'] as const)(
    'leaves an unknown outcome and a retry when it is killed %s its call reaches the channel',
    async (when) => {
      await using world = await deliveryWorld();
      const notice = await world.notify();
      let reached = false;
      world.answers.push(() => {
        reached = true;
        return never();
      });
      const first = await world.worker(
        when === 'before'
          ? {
              send: () => {
                reached = true;
                return never();
              },
            }
          : {},
      );
      await until('the call is under way', () => reached);
      first.kill();
      world.answers.length = 0;
      await world.worker();
      expect(await toTheEnd(world, notice)).toBe('delivered');
      expectNoDoubleCalls(world);
      expect((await world.events(notice)).map(({ type }) => type)).toEqual([
        'NotificationAccepted',
        'AttemptStarted',
        'AttemptOutcomeUnknown',
        'AttemptStarted',
        'AttemptSucceeded',
      ]);
    },
  );

  it('W1: leaves no attempt open longer than its lease and the margin', async () => {
    await using world = await deliveryWorld();
    const notice = await world.notify();
    let reached = false;
    world.answers.push(() => {
      reached = true;
      return never();
    });
    const first = await world.worker();
    await until('the call is under way', () => reached);
    first.kill();
    await world.worker();
    world.time.advance(LEASE_MS + LEASE_MARGIN_MS - 1);
    expect((await world.delivery(notice))?.phase.status).toBe('attempting');
    world.time.advance(1);
    await world.when(notice, 'it goes on', ({ phase }) => phase.status !== 'attempting');
  });

  it('leaves a dead delivery after an unknown outcome under the rule park', async () => {
    await using world = await deliveryWorld();
    const notice = await world.notify();
    let reached = false;
    world.answers.push(() => {
      reached = true;
      return never();
    });
    const first = await world.worker({ onUnknown: 'park' });
    await until('the call is under way', () => reached);
    first.kill();
    await world.worker({ onUnknown: 'park' });
    world.time.advance(LEASE_MS + LEASE_MARGIN_MS);
    const { reason, doubtful } = await world.when(
      notice,
      'it is dead',
      ({ phase }) => phase.status === 'dead',
    );
    expect({ reason, doubtful }).toEqual({ reason: 'outcome_unknown_parked', doubtful: [1] });
  });
});

describe('delivery worker, suspended', () => {
  it('records its outcome late after its lease, and ends the delivery', async () => {
    await using world = await deliveryWorld();
    const notice = await world.notify();
    const answer = Promise.withResolvers<SendOutcome>();
    let reached = false;
    world.answers.push(() => {
      reached = true;
      return answer.promise;
    }, TRANSIENT);
    // A clock of its own: the frozen worker's timers do not run.
    await world.worker({
      runtime: { ...world.time, pause: (_ms, signal) => world.time.pause(1e12, signal) },
    });
    await until('the call is under way', () => reached);
    await world.worker();
    world.time.advance(LEASE_MS + LEASE_MARGIN_MS);
    await world.when(notice, 'it is written off', ({ doubtful }) => doubtful.length === 1);
    answer.resolve({ outcome: 'accepted' });
    const delivery = await world.when(
      notice,
      'it is delivered',
      ({ phase }) => phase.status === 'delivered',
    );
    expect(delivery.doubtful).toEqual([]);
    const last = (await world.events(notice)).findLast(({ type }) => type === 'AttemptSucceeded');
    expect(last?.data).toMatchObject({ attempt: 1, late: true });
    expectNoDoubleCalls(world);
  });

  it('cuts off a call before the lease ends, and records its late outcome', async () => {
    await using world = await deliveryWorld();
    const notice = await world.notify();
    const answer = Promise.withResolvers<SendOutcome>();
    world.answers.push(() => answer.promise);
    await world.worker();
    await until('the call is under way', () => world.calls.length === 1);
    world.time.advance(LEASE_MS - 5_000);
    await until('it is cut off', () => world.calls[0]?.signal.aborted);
    // Its last word has half a second.
    await until('it is given up', async () => {
      world.time.advance(100);
      return (await world.delivery(notice))?.reason === 'provider_timeout';
    });
    answer.resolve({ outcome: 'accepted' });
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
  });

  it('makes no call when the lease is nearly over, and opens no breaker', async () => {
    await using world = await deliveryWorld();
    const notice = await world.notify();
    // So many failures of a channel in a row would open its breaker.
    let stalls = 5;
    const { store } = world;
    await world.worker({
      store: {
        ...store,
        async append(...args) {
          const result = await store.append(...args);
          const [, , events] = args;
          if (stalls > 0 && events[0]?.type === 'AttemptStarted') {
            stalls -= 1;
            world.time.advance(LEASE_MS - 4_000);
          }
          return result;
        },
      },
    });
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      await world.when(
        notice,
        'it says why',
        ({ reason, attempts }) => reason === 'lease_used_up' && attempts === attempt,
      );
      expect(world.calls).toEqual([]);
      if (attempt < 5) await world.toNextDue(notice);
    }
    const next = await world.notify({ triggerType: 'unfinished_feedback', feedbackId: 'f1' });
    await world.when(next, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    const events = await world.events(next);
    expect(events.filter(({ type }) => type === 'DeliveryDeferred')).toEqual([]);
  });
});

describe('delivery workers, two at once', () => {
  it('W9: make each attempt once, whatever the channel answers', async () => {
    const kinds = fc.array(fc.constantFrom('transient', 'accepted', 'permanent'), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(kinds, async (answers) => {
        await using world = await deliveryWorld();
        world.answers.push(
          ...answers.map((outcome) => ({ outcome, code: 'some_code', detail: '' })),
        );
        await world.worker();
        await world.worker();
        const notice = await world.notify();
        await toTheEnd(world, notice);
        expectNoDoubleCalls(world);
        const started = (await world.events(notice)).filter(
          ({ type }) => type === 'AttemptStarted',
        );
        expect(world.calls).toHaveLength(started.length);
      }),
      { numRuns: 8 },
    );
  });

  it('W10: start no attempt early when a message is redelivered', async () => {
    await using world = await deliveryWorld();
    world.answers.push(TRANSIENT);
    await world.worker({ profile: 'seed' });
    const notice = await world.notify();
    await world.when(notice, 'it has failed', ({ reason }) => reason === 'provider_5xx');
    const sequence = world.requests.answers[0]?.sequence ?? 0n;
    world.requests.redeliver(sequence);
    await until('it came again', () => world.requests.answers.length === 2);
    world.time.advance(3 * 60_000);
    expect(world.calls).toHaveLength(1);
    await world.toNextDue(notice);
    await world.when(notice, 'it is delivered', ({ phase }) => phase.status === 'delivered');
    expect(world.calls).toHaveLength(2);
  });

  it('W11: send nothing after the end of the preview, by time or by decision', async () => {
    await using world = await deliveryWorld();
    world.answers.push(...Array.from({ length: 9 }, () => TRANSIENT));
    // The third attempt would come after the end, however the jitter falls.
    await world.worker({ profile: { waits: [40 * 60_000, 40 * 60_000] } });
    const notice = await world.notify();
    expect(await toTheEnd(world, notice)).toBe('expired');
    const { expiresAt } = (await world.delivery(notice))?.facts ?? { expiresAt: 0 };
    for (const { at } of world.calls) expect(at).toBeLessThan(expiresAt);
    const count = world.calls.length;
    const later = await world.notify({ userId: 2 });
    await world.when(later, 'it has failed', ({ attempts }) => attempts === 1);
    await world.endPreview(later, 'dismissed');
    expect(await toTheEnd(world, later)).toBe('cancelled');
    expect(world.calls).toHaveLength(count + 1);
    expect((await world.delivery(later))?.reason).toBe('preview_dismissed');
  });
});

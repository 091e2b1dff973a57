import { describe, expect, test } from 'vitest';
import type { Fault, FaultScript } from '../../src/adapters/eventstore/memory/faults.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import {
  allForwards,
  events,
  follow,
  idsOf,
  write,
} from '../../src/facade/contracts/event-store-support.ts';

/** Gives the fault to the nth operation of a kind. */
const nth =
  (kind: Parameters<FaultScript>[0]['kind'], n: number, fault: Fault): FaultScript =>
  (operation) =>
    operation.kind === kind && operation.n === n ? fault : undefined;

describe('memoryStore with faults of an append', () => {
  test('writes nothing for conflict and refuse', async () => {
    const faults: Fault[] = [{ fault: 'conflict' }, { fault: 'refuse', reason: 'access_denied' }];
    const store = memoryStore({
      faults: (operation) => (operation.kind === 'append' ? faults.shift() : undefined),
    });
    expect(await store.append('a', 'no_stream', events(1))).toEqual({
      outcome: 'conflict',
      actual: 'no_stream',
    });
    expect(await store.append('a', 'no_stream', events(1))).toMatchObject({
      outcome: 'refused',
      reason: 'access_denied',
    });
    expect(await allForwards(store)).toEqual([]);
  });

  test.each([true, false])(
    'answers unknown, and a repeat gets the outcome, when written is %s',
    async (written) => {
      const store = memoryStore({ faults: nth('append', 1, { fault: 'unknown', written }) });
      const list = events(2);
      expect(await store.append('a', 'no_stream', list)).toMatchObject({ outcome: 'unknown' });
      expect(await allForwards(store)).toHaveLength(written ? 2 : 0);
      expect(await store.append('a', 'no_stream', list)).toMatchObject({
        outcome: 'appended',
        revision: 1n,
      });
      expect(idsOf(await allForwards(store))).toEqual(idsOf(list));
    },
  );

  test('lets another append overtake a delayed one', async () => {
    const gate = Promise.withResolvers<undefined>();
    const store = memoryStore({
      faults: nth('append', 1, { fault: 'delay', until: gate.promise }),
    });
    const late = store.append('a', 'no_stream', events(1));
    await write(store, 'a', 'no_stream', events(1));
    gate.resolve(undefined);
    expect(await late).toEqual({ outcome: 'conflict', actual: 0n });
  });

  test('throws for a fault that does not fit', async () => {
    const store = memoryStore({ faults: nth('append', 1, { fault: 'drop' }) });
    await expect(store.append('a', 'no_stream', events(1))).rejects.toThrow(
      'the fault script gave "drop" for append 1',
    );
  });
});

describe('memoryStore with faults of reads and subscriptions', () => {
  test('throws once for one unavailable fault', async () => {
    const store = memoryStore({ faults: nth('readAll', 1, { fault: 'unavailable' }) });
    await expect(allForwards(store)).rejects.toThrow(TocsinError);
    expect(await allForwards(store)).toEqual([]);
  });

  test('skips and repeats nothing after a drop at any page', async () => {
    let pages = 0;
    const store = memoryStore({
      faults(operation) {
        if (operation.kind !== 'deliver') return undefined;
        pages += 1;
        return pages % 3 === 0 ? undefined : { fault: 'drop' };
      },
    });
    await write(store, 'a', 'no_stream', events(2_000));
    const follower = follow(store, { prefixes: [] });
    await follower.untilCaughtUp();
    for (let n = 0; n < 5; n += 1) {
      await write(store, `b${n}`, 'no_stream', events(3));
      await follower.untilEvents(2_003 + 3 * n);
    }
    await follower.stop();
    expect(idsOf(follower.events())).toEqual(idsOf(await allForwards(store)));
    // Live again after a drop is caught up again.
    expect(follower.entries.filter(({ kind }) => kind === 'caughtUp').length).toBeGreaterThan(1);
  });

  test('delays only the subscription of a delayed page', async () => {
    const gate = Promise.withResolvers<undefined>();
    const store = memoryStore({
      faults: (operation) =>
        operation.kind === 'deliver' && operation.subscription === 1
          ? { fault: 'delay', until: gate.promise }
          : undefined,
    });
    await write(store, 'a', 'no_stream', events(1));
    const [slow, fast] = [follow(store, { prefixes: [] }), follow(store, { prefixes: [] })];
    await fast.untilEvents(1);
    expect(slow.entries).toEqual([]);
    gate.resolve(undefined);
    await slow.untilEvents(1);
    await Promise.all([slow.stop(), fast.stop()]);
  });
});

test('memoryStore returns frozen events and copies appended ones', async () => {
  const store = memoryStore();
  const data = { deep: { n: 1 } };
  await write(store, 'a', 'no_stream', [
    { id: crypto.randomUUID(), type: 't', data, metadata: {} },
  ]);
  data.deep.n = 2;
  const [stored] = await allForwards(store);
  expect(stored?.data).toEqual({ deep: { n: 1 } });
  expect(Object.isFrozen(stored?.data)).toBe(true);
});

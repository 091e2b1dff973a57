// raiseAll: the order of each user, bounded concurrency, and no unhandled rejections.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { MAX_AHEAD_BYTES, raiseAll } from '../../src/kernel/raise/raise-all.ts';
import type { RaiseResult } from '../../src/kernel/raise/raise-result.ts';
import { until } from '../support/until.ts';
import { anInput, makeWorld } from '../support/world.ts';
import { triggerEvents } from './kernel.support.ts';

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', note);
});

afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

const inputs = (count: number, users: number): RaiseInput[] =>
  Array.from({ length: count }, (_, n) => anInput(n + 1, { userId: 1 + (n % users) }));

async function collect<T = RaiseResult>(results: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const result of results) all.push(result);
  return all;
}

describe('raiseAll', () => {
  it('answers in the order of the inputs, valid or not', async () => {
    const { kernel } = await makeWorld();
    const mixed = [anInput(1), 'nonsense', anInput(1), null, anInput(2), { ...anInput(3), x: 1 }];
    const results = await collect(kernel.raiseAll(mixed));
    expect(results.map(({ outcome }) => outcome)).toEqual([
      'raised',
      'rejected',
      'duplicate',
      'rejected',
      'raised',
      'rejected',
    ]);
  });

  it('keeps the order of each user in the log when single answers are slow', async () => {
    let n = 0;
    const memory = memoryStore();
    const { kernel, store } = await makeWorld({
      store: {
        ...memory,
        async append(...call) {
          const result = await memory.append(...call);
          if (++n % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
          return result;
        },
      },
    });
    await collect(kernel.raiseAll(inputs(60, 4), { concurrency: 8 }));
    const raised = (await triggerEvents(store)).flatMap(({ type, data }) =>
      type === 'TriggerRaised' ? [data as { userId: string; targetId: string }] : [],
    );
    for (const user of ['1', '2', '3', '4']) {
      const targets = raised.filter(({ userId }) => userId === user).map((d) => Number(d.targetId));
      expect(targets).toEqual(targets.toSorted((a, b) => a - b));
      expect(targets).toHaveLength(15);
    }
  });

  it('respects the concurrency and does not read far ahead', async () => {
    let [inFlight, most, read] = [0, 0, 0];
    const gate = Promise.withResolvers<undefined>();
    const { kernel } = await makeWorld({
      kernel: {
        evaluate: () => {
          most = Math.max(most, ++inFlight);
          return { outcome: 'close', reason: 'done' };
        },
      },
      faults: ({ kind, ...rest }) =>
        kind === 'append' && 'stream' in rest && rest.stream.includes('trigger')
          ? { fault: 'delay', until: gate.promise.then(() => (inFlight -= 1)) }
          : undefined,
    });
    const source = inputs(500, 500)[Symbol.iterator]();
    const counted = {
      [Symbol.iterator]: () => ({
        next: () => {
          read += 1;
          return source.next();
        },
      }),
    };
    const all = collect(kernel.raiseAll(counted, { concurrency: 4 }));
    await until('it is full', () => inFlight === 4);
    expect(read).toBeLessThanOrEqual(4 * 8 + 1);
    gate.resolve(undefined);
    expect(await all).toHaveLength(500);
    expect(most).toBeLessThanOrEqual(4);
  });

  it('reads past the lines of a busy user while raises of others could start', async () => {
    const others = Promise.withResolvers<undefined>();
    let left = 3;
    const busy = 500;
    const all = raiseAll(
      [...Array<number>(busy).fill(1), 2, 3, 4],
      String,
      async (user) => {
        if (user === 1) await others.promise;
        else if (--left === 0) others.resolve(undefined);
        return user;
      },
      4,
    );
    expect((await collect(all)).length).toBe(busy + 3);
  });

  it('reads no more than its bound of bytes ahead of a user who waits', async () => {
    let read = 0;
    const gate = Promise.withResolvers<undefined>();
    const text = 'x'.repeat(500_000);
    const count = 100;
    function* large() {
      for (; read < count; read += 1) yield { user: 'a', text };
    }
    const most = 16 + 1 + Math.ceil(MAX_AHEAD_BYTES / (2 * text.length));
    let highest = 0;
    const all = raiseAll(
      large(),
      ({ user }) => user,
      async () => {
        await gate.promise;
      },
      2,
    );
    const results = collect(all);
    await until('it has read ahead', () => read > 16);
    for (let turn = 0; turn < count; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      highest = Math.max(highest, read);
    }
    expect(highest).toBeLessThanOrEqual(most);
    gate.resolve(undefined);
    expect(await results).toHaveLength(count);
  });

  it('raises each input once, those of a user in order, for any users and any durations', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(4), fc.nat(3)), { maxLength: 200 }),
        fc.integer({ min: 1, max: 6 }),
        async (lines, concurrency) => {
          let [running, most] = [0, 0];
          const begun = new Map<number, number[]>();
          const all = raiseAll(
            lines.map(([user, turns], n) => ({ user, turns, n })),
            ({ user }) => String(user),
            async ({ user, turns, n }) => {
              most = Math.max(most, ++running);
              begun.set(user, [...(begun.get(user) ?? []), n]);
              for (let i = 0; i < turns; i += 1) await Promise.resolve();
              running -= 1;
              return n;
            },
            concurrency,
          );
          expect(await collect(all)).toEqual(lines.map((_, n) => n));
          expect(most).toBeLessThanOrEqual(concurrency);
          for (const own of begun.values()) expect(own).toEqual(own.toSorted((a, b) => a - b));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('starts no further raise when the caller stops reading', async () => {
    let begun = 0;
    const all = raiseAll(
      Array<number>(1_000).fill(1),
      String,
      () => Promise.resolve((begun += 1)),
      4,
    );
    for await (const _ of all) break;
    expect(begun).toBeLessThan(100);
  });

  it('yields known results while the source is waiting', async () => {
    const { kernel } = await makeWorld();
    const more = Promise.withResolvers<undefined>();
    async function* typed() {
      yield anInput(1);
      await more.promise;
      yield anInput(2);
    }
    const results = kernel.raiseAll(typed())[Symbol.asyncIterator]();
    expect(await results.next()).toMatchObject({ value: { outcome: 'raised' } });
    more.resolve(undefined);
    expect(await results.next()).toMatchObject({ value: { outcome: 'raised' } });
    expect(await results.next()).toMatchObject({ done: true });
  });

  it('finishes raises in flight when the caller stops reading, without unhandled rejections', async () => {
    const { kernel, store } = await makeWorld();
    for await (const result of kernel.raiseAll(inputs(50, 50), { concurrency: 4 })) {
      expect(result.outcome).toBe('raised');
      break;
    }
    const count = (await triggerEvents(store)).length;
    await kernel.close();
    expect(await triggerEvents(store)).toHaveLength(count);
    expect(count % 3).toBe(0);
  });

  it('throws the error of an outage, without unhandled rejections', async () => {
    let n = 0;
    const { kernel } = await makeWorld({
      faults: ({ kind }) =>
        kind === 'append' && ++n > 5 ? { fault: 'refuse', reason: 'storage_full' } : undefined,
    });
    const all = collect(kernel.raiseAll(inputs(50, 50), { concurrency: 4 }));
    await expect(all).rejects.toMatchObject({ code: 'storage_full' });
  });

  it('yields earlier results, then throws the error of the source', async () => {
    const { kernel } = await makeWorld();
    async function* broken() {
      yield anInput(1);
      await Promise.resolve();
      throw new Error('the file is gone');
    }
    const seen: string[] = [];
    const all = (async () => {
      for await (const { outcome } of kernel.raiseAll(broken())) seen.push(outcome);
    })();
    await expect(all).rejects.toThrow('the file is gone');
    expect(seen).toEqual(['raised']);
  });
});

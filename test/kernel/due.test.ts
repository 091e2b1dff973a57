import { describe, expect, test } from 'vitest';
import { TocsinError } from '../../src/domain/core/errors.ts';
import type { DueIndex } from '../../src/kernel/processes/due/due-index.ts';
import { until } from '../support/until.ts';
import { dueWorld, changeOf, stream } from './due.support.ts';

const SECOND = 1_000;

describe('dueProcess', () => {
  test('hands over a row when it is due and not before', async () => {
    const world = dueWorld();
    await world.call('a', 10 * SECOND);
    await using process = await world.start();
    await process.sleepsUntil(10 * SECOND);
    world.time.advance(10 * SECOND - 1);
    await process.sleepsUntil(10 * SECOND);
    expect(world.handed).toEqual([]);
    world.time.advance(1);
    await until('it is handed over', () => world.handed.length === 1);
    expect(world.handed).toEqual(['a']);
  });

  test('wakes up for a new row that is due earlier', async () => {
    const world = dueWorld();
    await world.call('late', 20 * SECOND);
    await using process = await world.start();
    await process.sleepsUntil(20 * SECOND);
    await world.call('soon', 5 * SECOND);
    await process.sleepsUntil(5 * SECOND);
    world.time.advance(5 * SECOND);
    await until('the sooner one is handed over', () => world.handed.includes('soon'));
    await process.sleepsUntil(20 * SECOND);
    expect(world.handed).toEqual(['soon']);
  });

  test('wakes up after 30 s even when no row is due', async () => {
    const world = dueWorld();
    await world.call('next year', 365 * 24 * 3600 * SECOND);
    await using process = await world.start();
    await process.sleepsUntil(30 * SECOND);
  });

  test('follows changed and removed rows while it sleeps', async () => {
    const world = dueWorld();
    await world.call('moved', 5 * SECOND);
    await world.call('gone', 5 * SECOND);
    await using process = await world.start();
    await world.call('gone', undefined);
    await world.call('moved', 8 * SECOND);
    await process.sleepsUntil(8 * SECOND);
    world.time.advance(6 * SECOND);
    await process.sleepsUntil(8 * SECOND);
    expect(world.handed).toEqual([]);
    world.time.advance(2 * SECOND);
    await until('the moved one is handed over', () => world.handed.length === 1);
    expect(world.handed).toEqual(['moved']);
  });

  test('hands over no row that later events of the log have removed', async () => {
    const world = dueWorld();
    for (const key of ['a', 'b', 'c']) await world.call(key, 0);
    await world.call('a', undefined);
    await world.call('c', undefined);
    await using _process = await world.start();
    await until('the one that is left is handed over', () => world.handed.length > 0);
    expect(world.handed).toEqual(['b']);
  });

  test('continues from its position after a restart', async () => {
    const world = dueWorld();
    await world.call('a', 5 * SECOND);
    await world.call('b', 6 * SECOND);
    await using first = await world.start();
    await first.sleepsUntil(5 * SECOND);
    await first[Symbol.asyncDispose]();
    await world.call('c', 7 * SECOND);
    world.time.advance(9 * SECOND);
    const seen: string[] = [];
    await using _second = await world.start({
      changeOf: (event) => {
        seen.push(event.stream);
        return changeOf(event);
      },
    });
    await until('all are handed over', () => world.handed.length === 3);
    expect(world.handed).toEqual(['a', 'b', 'c']);
    expect(seen[0]).toBe(stream('c'));
  });

  test('retries a failed row with backoff while other rows go on', async () => {
    const world = dueWorld();
    await world.call('bad', 0);
    let tries = 0;
    await using process = await world.start({
      handle: async ({ key }) => {
        if (key === 'bad') {
          tries += 1;
          throw new Error('not now');
        }
        world.handed.push(key);
        await world.call(key, undefined);
      },
    });
    await process.sleepsUntil(100);
    world.time.advance(100);
    await process.sleepsUntil(100 + 200);
    await world.call('good', 150);
    await process.sleepsUntil(150);
    world.time.advance(50);
    await until('the good one is handed over', () => world.handed.length === 1);
    expect(tries).toBe(2);
    world.time.advance(150);
    await process.sleepsUntil(300 + 400);
    expect(tries).toBe(3);
  });

  test('hands over a new row soon while thousands of older rows fail, and tries these less often', async () => {
    const world = dueWorld();
    const bad = Array.from({ length: 3_000 }, (_, n) => `bad-${n}`);
    for (const key of bad) await world.call(key, 0);
    const tries = new Map<string, number>();
    await using _process = await world.start({
      handle: async ({ key }) => {
        if (key.startsWith('bad')) {
          tries.set(key, (tries.get(key) ?? 0) + 1);
          throw new Error('a setting is missing');
        }
        world.handed.push(key);
        await world.call(key, undefined);
      },
    });
    await until('each has failed once', () => tries.size === bad.length);
    expect([...new Set(tries.values())]).toEqual([1]);
    await world.call('good', 50);
    world.time.advance(50);
    await until('the good one is handed over', () => world.handed.length === 1);
    // Those that wait in memory are tried again after their backoff, those in the index after 30 s.
    world.time.advance(SECOND);
    const triedTwice = (): string[] => bad.filter((key) => tries.get(key) === 2);
    await until('the held ones are tried again', () => triedTwice().length >= 2_048);
    expect(triedTwice()).toHaveLength(2_048);
    await world.call('another', SECOND);
    await until('the other one is handed over', () => world.handed.length === 2);
    world.time.advance(30 * SECOND);
    await until('all are tried again', () => bad.every((key) => (tries.get(key) ?? 0) >= 2));
  });

  test('hands over a new row while retries of failing rows take all their slots', async () => {
    const world = dueWorld();
    for (let n = 0; n < 8; n += 1) await world.call(`bad-${n}`, 0);
    const hanging = new Set<string>();
    const failed = new Set<string>();
    await using process = await world.start({
      concurrency: 4,
      handle: async ({ key }, signal) => {
        if (key === 'good') {
          world.handed.push(key);
          await world.call(key, undefined);
        } else if (!failed.has(key)) {
          failed.add(key);
          throw new Error('not now');
        } else {
          hanging.add(key);
          await new Promise((resolve) => {
            signal.addEventListener('abort', resolve);
          });
        }
      },
    });
    await process.sleepsUntil(100);
    expect(failed.size).toBe(8);
    world.time.advance(100);
    await until('retries are in hand', () => hanging.size === 2);
    await world.call('good', 0);
    await until('the good one is handed over', () => world.handed.length === 1);
    expect(hanging.size).toBe(2);
  });

  test('keeps the backoff of a row that appends an event and then fails', async () => {
    const world = dueWorld();
    await world.call('a', 0);
    let tries = 0;
    await using process = await world.start({
      handle: async ({ key }) => {
        tries += 1;
        await world.call(key, 0);
        throw new Error('half-way');
      },
    });
    await process.sleepsUntil(100);
    expect(tries).toBe(1);
  });

  test('hands each row to one handler at a time, and at most `concurrency` rows at once', async () => {
    const world = dueWorld();
    const keys = Array.from({ length: 12 }, (_, n) => `k${n}`);
    for (const key of keys) await world.call(key, 0);
    const inHand = new Set<string>();
    const release: (() => void)[] = [];
    let most = 0;
    await using _process = await world.start({
      concurrency: 4,
      handle: async ({ key }) => {
        expect(inHand.has(key)).toBe(false);
        inHand.add(key);
        most = Math.max(most, inHand.size);
        // The first time its row is written again while it is in hand, and is due again at once.
        const again = world.handed.includes(key);
        await world.call(key, again ? undefined : 0);
        await new Promise<void>((resolve) => release.push(resolve));
        inHand.delete(key);
        world.handed.push(key);
      },
    });
    for (let done = 0; done < 2 * keys.length; done += 1) {
      await until('somebody works', () => release.length > 0);
      release.shift()?.();
      await until('one more is done', () => world.handed.length > done);
    }
    expect(most).toBe(4);
    expect([...world.handed].sort()).toEqual([...keys, ...keys].sort());
  });

  test('reserves half of the slots for first attempts, and hands them over first', async () => {
    const world = dueWorld();
    const retries = Array.from({ length: 6 }, (_, n) => `retry-${n}`);
    for (const key of retries) await world.call(key, 0);
    await using _process = await world.start({
      concurrency: 4,
      changeOf: (event) => {
        const { put = [], ...rest } = changeOf(event);
        const rankOf = (key: string) => (key.startsWith('retry') ? 1 : 0);
        return { ...rest, put: put.map((row) => ({ ...row, rank: rankOf(row.key) })) };
      },
      handle: async ({ key }, signal) => {
        world.handed.push(key);
        if (key.startsWith('retry'))
          await new Promise((resolve) => {
            signal.addEventListener('abort', resolve);
          });
        else await world.call(key, undefined);
      },
    });
    await until('retries are in hand', () => world.handed.length === 2);
    for (const key of ['first', 'second', 'third']) await world.call(key, 0);
    await until('the others are done', () => world.handed.length === 5);
    expect(world.handed.toSorted()).toEqual(['first', 'retry-0', 'retry-1', 'second', 'third']);
  });

  test('does not hand over a handled row again before the row can change', async () => {
    const world = dueWorld();
    await world.call('a', 0);
    await using process = await world.start({
      handle: ({ key }) => {
        world.handed.push(key);
        return Promise.resolve();
      },
    });
    await process.sleepsUntil(SECOND);
    expect(world.handed).toEqual(['a']);
    // Nothing has changed it: it is looked at again, less and less often.
    world.time.advance(SECOND);
    await process.sleepsUntil(3 * SECOND);
    expect(world.handed).toEqual(['a', 'a']);
    await world.call('a', 2 * SECOND);
    await process.sleepsUntil(2 * SECOND);
  });

  test('waits for its handlers before it ends', async () => {
    const world = dueWorld();
    await world.call('a', 0);
    const { promise: working, resolve: begins } = Promise.withResolvers<AbortSignal>();
    const { promise: gate, resolve: open } = Promise.withResolvers<undefined>();
    let done = false;
    const process = await world.start({
      handle: async (_entry, signal) => {
        begins(signal);
        await gate;
        done = true;
      },
    });
    const signal = await working;
    const stopped = process[Symbol.asyncDispose]();
    expect(signal.aborted).toBe(true);
    open(undefined);
    await stopped;
    expect(done).toBe(true);
  });

  test('refuses an index that has read events which the log does not have', async () => {
    const world = dueWorld();
    await world.call('a', SECOND);
    await using first = await world.start();
    await first.sleepsUntil(SECOND);
    await first[Symbol.asyncDispose]();
    const restored = dueWorld();
    await restored.call('b', SECOND);
    const second = world.start({ store: restored.store });
    await expect(second).rejects.toThrow(
      /has read event 0 of calls-a, and the log does not have it/,
    );
  });

  test('waits out an outage of its index, and continues from its position', async () => {
    const world = dueWorld();
    await world.call('a', 0);
    using indexes = world.file.open('log-1');
    const whole = indexes.open('flaky.1');
    let full = 2;
    const index: DueIndex = {
      ...whole,
      commit(change) {
        full -= 1;
        if (full >= 0) throw new TocsinError('unavailable', 'disk_full', 'no room', { hint: 'x' });
        whole.commit(change);
      },
    };
    const starting = world.start({ index });
    await until('it waits', () => world.time.waits().includes(world.time.now() + 100));
    world.time.advance(100);
    await until('it waits longer', () => world.time.waits().includes(world.time.now() + 200));
    world.time.advance(200);
    await using _process = await starting;
    await until('it is handed over', () => world.handed.length === 1);
  });

  test('throws an error of its own code', async () => {
    const world = dueWorld();
    await world.call('a', 0);
    const process = world.start({
      changeOf: () => {
        throw new RangeError('a bug');
      },
    });
    await expect(process).rejects.toThrow('a bug');
  });
});

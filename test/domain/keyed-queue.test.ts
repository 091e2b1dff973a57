// The keyed queue and the wake-up signal.
import { describe, expect, it } from 'vitest';
import { keyedQueue } from '../../src/domain/core/keyed-queue.ts';
import { wakeSignal } from '../../src/domain/core/wake-signal.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('keyedQueue', () => {
  it('runs the work of a key in order, and other keys meanwhile, up to its concurrency', async () => {
    const queue = keyedQueue(2);
    const begun: string[] = [];
    const ends = new Map<string, () => void>();
    const work = (name: string) => () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    };
    const results = ['a1', 'a2', 'b1', 'c1'].map((name) => queue.run(name.charAt(0), work(name)));
    await turn();
    expect(begun).toEqual(['a1', 'b1']);
    ends.get('b1')?.();
    await turn();
    expect(begun).toEqual(['a1', 'b1', 'c1']);
    ends.get('a1')?.();
    await turn();
    expect(begun).toEqual(['a1', 'b1', 'c1', 'a2']);
    ends.get('c1')?.();
    ends.get('a2')?.();
    await Promise.all(results);
  });

  it('gives each caller its own result, and goes on with the key after an error', async () => {
    const queue = keyedQueue(1);
    const failing = queue.run('a', () => Promise.reject(new Error('no')));
    const next = queue.run('a', () => Promise.resolve(2));
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe(2);
  });

  it('adds work only while fewer than its concurrency are left, and reports the first error', async () => {
    const queue = keyedQueue(1);
    const first = Promise.withResolvers<undefined>();
    await queue.add('a', async () => {
      await first.promise;
    });
    let added = false;
    const second = queue
      .add('b', () => Promise.reject(new Error('no')))
      .then(() => {
        added = true;
      });
    await turn();
    expect(added).toBe(false);
    first.resolve(undefined);
    await second;
    await expect(queue.idle()).rejects.toThrow('no');
    await expect(queue.add('c', () => Promise.resolve())).rejects.toThrow('no');
  });
});

describe('wakeSignal', () => {
  const never = new AbortController().signal;
  const pause = (_ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => {
        resolve();
      });
    });

  it('wakes everyone who waits', async () => {
    const signal = wakeSignal();
    const waits = [signal.next(), signal.next(), signal.sleep(pause, 1, never)];
    signal.wake();
    await Promise.all(waits);
  });

  it('keeps a wake that nobody waited for, for one wait', async () => {
    const signal = wakeSignal();
    signal.wake();
    signal.wake();
    await signal.sleep(pause, 1, never);
    let woken = false;
    const waiting = signal.next().then(() => {
      woken = true;
    });
    await turn();
    expect(woken).toBe(false);
    signal.wake();
    await waiting;
  });

  it('ends a sleep at the signal or after its time, and leaves no waiter behind', async () => {
    const signal = wakeSignal();
    const stop = new AbortController();
    const sleeping = signal.sleep(pause, 1, stop.signal);
    stop.abort();
    await sleeping;
    await signal.sleep(() => Promise.resolve(), 1, never);
    // Nobody waits any more, so this wake is kept.
    signal.wake();
    await signal.next();
  });
});

// Many raises at once, in order where order matters.
import { keyedQueue } from '../../domain/core/keyed-queue.ts';
import { wakeSignal } from '../../domain/core/wake-signal.ts';
import type { RaiseResult } from './raise-result.ts';

/** How many raises are in flight unless said otherwise. */
export const DEFAULT_CONCURRENCY = 64;

/** How far reading may run ahead of the slowest user, per place in flight. */
const LOOK_AHEAD = 8;

/**
 * Raises `inputs` with up to `concurrency` in flight; inputs of one user one after another, in their
 * order. Results come in the order of the inputs, each as soon as it is there: also while the next
 * input is still being typed. Memory is bounded by the concurrency.
 */
export async function* raiseAll<T>(
  inputs: AsyncIterable<T> | Iterable<T>,
  userOf: (input: T) => string,
  raiseOne: (input: T) => Promise<RaiseResult>,
  concurrency: number,
): AsyncGenerator<RaiseResult, void, undefined> {
  const queue = keyedQueue(concurrency);
  const results: Promise<RaiseResult>[] = [];
  const changed = wakeSignal();
  const progress = { reading: true, stopped: false };
  // A function, because the flag changes while somebody waits.
  const isStopped = (): boolean => progress.stopped;

  const read = async (): Promise<void> => {
    try {
      for await (const input of inputs) {
        if (isStopped()) return;
        results.push(queue.run(userOf(input), () => raiseOne(input)));
        changed.wake();
        while (results.length >= concurrency * LOOK_AHEAD && !isStopped()) await changed.next();
      }
    } finally {
      progress.reading = false;
      changed.wake();
    }
  };
  const reader = read();
  // What reading throws is thrown below, after the results of what was read before.
  reader.catch(() => undefined);

  try {
    for (;;) {
      const first = results.shift();
      if (first !== undefined) {
        changed.wake();
        yield await first;
      } else if (progress.reading) await changed.next();
      else break;
    }
    await reader;
  } finally {
    // Whoever stops reading, or meets an error, leaves nothing unhandled behind.
    progress.stopped = true;
    changed.wake();
    await Promise.allSettled(results);
  }
}

// Raises many inputs at once, and those of one user in order.
import { keyedQueue } from '../../domain/core/keyed-queue.ts';
import { wakeSignal } from '../../domain/core/wake-signal.ts';

export const DEFAULT_CONCURRENCY = 64;

/** How far reading may run ahead of the slowest user, per raise in flight. */
const LOOK_AHEAD = 8;

/**
 * Raises up to `concurrency` inputs at once, those of one user in order. Results come in the order of the inputs,
 * each as soon as it is known. Memory is bounded by the concurrency.
 */
export async function* raiseAll<T, R>(
  inputs: AsyncIterable<T> | Iterable<T>,
  userOf: (input: T) => string,
  raiseOne: (input: T) => Promise<R>,
  concurrency: number,
): AsyncGenerator<R, void, undefined> {
  const queue = keyedQueue(concurrency);
  const results: Promise<R>[] = [];
  const changed = wakeSignal();
  const progress = { reading: true, stopped: false };
  // A function, because the flag changes during an await.
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
  // `await reader` below throws the error of reading, after the results of earlier inputs.
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
    // A caller that stops reading leaves no unhandled rejection behind.
    progress.stopped = true;
    changed.wake();
    await Promise.allSettled(results);
  }
}

// Raises many inputs at once, and appends those of one user in order.
import { wakeSignal } from '../../domain/core/wake-signal.ts';
import { roughBytes } from './rough-bytes.ts';
import { userOrder, type UserTurn } from './user-order.ts';
import { userQueue } from './user-queue.ts';

export const DEFAULT_CONCURRENCY = 64;

/** How far reading runs ahead of the first result, per raise in flight. */
const LOOK_AHEAD = 8;

/** While raises could start, because the inputs read so far are of few users, reading runs ahead to this. */
export const MAX_AHEAD_BYTES = 16 * 1024 * 1024;

/** The raises of one user may take this part of the concurrency: the rest is for others, while the user's raises wait. */
const USER_PART = 1 / 2;

/**
 * Raises up to `concurrency` inputs at once, and appends those of one user in order. Results come in the order of the inputs,
 * each as soon as it is known. Memory is bounded by the concurrency and {@link MAX_AHEAD_BYTES}.
 */
export async function* raiseAll<T, R>(
  inputs: AsyncIterable<T> | Iterable<T>,
  userOf: (input: T) => string,
  raiseOne: (input: T, turn: UserTurn) => Promise<R>,
  concurrency: number,
): AsyncGenerator<R, void, undefined> {
  const queue = userQueue(concurrency, Math.ceil(concurrency * USER_PART));
  const order = userOrder();
  const results: { readonly result: Promise<R>; readonly bytes: number }[] = [];
  const changed = wakeSignal();
  const progress = { reading: true, stopped: false, running: 0, aheadBytes: 0 };
  // A function, because the flag changes during an await.
  const isStopped = (): boolean => progress.stopped;

  const work = async (input: T, turn: UserTurn): Promise<R> => {
    // Nobody waits for the results of raises that have not begun.
    if (isStopped()) throw new Error('the raises were stopped');
    progress.running += 1;
    try {
      return await raiseOne(input, turn);
    } finally {
      progress.running -= 1;
      changed.wake();
    }
  };

  const isFarAhead = (): boolean =>
    results.length >= concurrency * LOOK_AHEAD &&
    (progress.running >= concurrency || progress.aheadBytes >= MAX_AHEAD_BYTES);

  const read = async (): Promise<void> => {
    try {
      for await (const input of inputs) {
        if (isStopped()) return;
        // Most inputs are within the first distance, where nothing is measured.
        const bytes = results.length < concurrency * LOOK_AHEAD ? 0 : roughBytes(input);
        progress.aheadBytes += bytes;
        const user = userOf(input);
        const raise = (): Promise<R> => order.run(user, (turn) => work(input, turn));
        results.push({ result: queue.run(user, raise), bytes });
        changed.wake();
        while (isFarAhead() && !isStopped()) await changed.next();
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
        progress.aheadBytes -= first.bytes;
        changed.wake();
        yield await first.result;
      } else if (progress.reading) await changed.next();
      else break;
    }
    await reader;
  } finally {
    // A caller that stops reading leaves no unhandled rejection behind.
    progress.stopped = true;
    changed.wake();
    await Promise.allSettled(results.map(({ result }) => result));
  }
}

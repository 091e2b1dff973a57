// Many raises at once, in order where order matters.
import type { RaiseResult } from './raise-result.ts';

/** How many raises are in flight unless said otherwise. */
export const DEFAULT_CONCURRENCY = 64;

/** How far reading may run ahead of the slowest user, per place in flight. */
const LOOK_AHEAD = 8;

type Lane = { tail: Promise<unknown>; waiting: number };

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
  const start = createLanes(userOf, raiseOne, concurrency);
  const results: Promise<RaiseResult>[] = [];
  const changed = createSignal();
  const progress = { reading: true, stopped: false };
  // A function, because the flag changes while somebody waits.
  const isStopped = (): boolean => progress.stopped;

  const read = async (): Promise<void> => {
    try {
      for await (const input of inputs) {
        if (isStopped()) return;
        results.push(start(input));
        changed.raise();
        while (results.length >= concurrency * LOOK_AHEAD && !isStopped()) await changed.next();
      }
    } finally {
      progress.reading = false;
      changed.raise();
    }
  };
  const reader = read();
  // What reading throws is thrown below, after the results of what was read before.
  reader.catch(() => undefined);

  try {
    for (;;) {
      const first = results.shift();
      if (first !== undefined) {
        changed.raise();
        yield await first;
      } else if (progress.reading) await changed.next();
      else break;
    }
    await reader;
  } finally {
    // Whoever stops reading, or meets an error, leaves nothing unhandled behind.
    progress.stopped = true;
    changed.raise();
    await Promise.allSettled(results);
  }
}

/** A bell for several who wait: each `raise` wakes all of them once. */
function createSignal() {
  let bell = Promise.withResolvers<undefined>();
  return {
    next: (): Promise<undefined> => bell.promise,
    raise(): void {
      bell.resolve(undefined);
      bell = Promise.withResolvers();
    },
  };
}

function createLanes<T>(
  userOf: (input: T) => string,
  raiseOne: (input: T) => Promise<RaiseResult>,
  concurrency: number,
): (input: T) => Promise<RaiseResult> {
  const lanes = new Map<string, Lane>();
  const slots = createSlots(concurrency);
  return (input) => {
    const user = userOf(input);
    const lane = lanes.get(user) ?? { tail: Promise.resolve(), waiting: 0 };
    lanes.set(user, lane);
    lane.waiting += 1;
    const result = lane.tail.then(() => slots.run(() => raiseOne(input)));
    lane.tail = result
      .catch(() => undefined) // The result itself is awaited elsewhere; the lane only needs the order.
      .then(() => {
        lane.waiting -= 1;
        if (lane.waiting === 0) lanes.delete(user);
      });
    return result;
  };
}

function createSlots(size: number) {
  let free = size;
  const queue: (() => void)[] = [];
  const release = (): void => {
    const next = queue.shift();
    if (next === undefined) free += 1;
    else next();
  };
  return {
    async run<R>(work: () => Promise<R>): Promise<R> {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => queue.push(resolve));
      try {
        return await work();
      } finally {
        release();
      }
    },
  };
}

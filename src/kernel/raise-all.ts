// Many raises at once, in order where order matters.
import type { RaiseResult } from './raise.ts';

/** How many raises are in flight unless said otherwise. */
export const DEFAULT_CONCURRENCY = 64;

/** How far reading may run ahead of the slowest user, per place in flight. */
const LOOK_AHEAD = 8;

type Lane = { tail: Promise<unknown>; waiting: number };

/**
 * Raises `inputs` with up to `concurrency` in flight; inputs of one user one after another, in their
 * order. Results come in the order of the inputs; memory is bounded by the concurrency.
 */
export async function* raiseAll<T>(
  inputs: AsyncIterable<T> | Iterable<T>,
  userOf: (input: T) => string,
  raiseOne: (input: T) => Promise<RaiseResult>,
  concurrency: number,
): AsyncGenerator<RaiseResult, void, undefined> {
  const lanes = new Map<string, Lane>();
  const results: Promise<RaiseResult>[] = [];
  const slots = createSlots(concurrency);

  const start = (input: T): Promise<RaiseResult> => {
    const user = userOf(input);
    const lane = lanes.get(user) ?? { tail: Promise.resolve(), waiting: 0 };
    lanes.set(user, lane);
    lane.waiting += 1;
    const result = lane.tail.then(() => slots.run(() => raiseOne(input)));
    lane.tail = result
      .catch(() => undefined) // The result itself is awaited below; the lane only needs the order.
      .then(() => {
        lane.waiting -= 1;
        if (lane.waiting === 0) lanes.delete(user);
      });
    return result;
  };

  try {
    for await (const input of inputs) {
      results.push(start(input));
      if (results.length >= concurrency * LOOK_AHEAD) {
        const first = results.shift();
        if (first !== undefined) yield await first;
      }
    }
    for (const result of results) yield await result;
  } finally {
    // Whoever stops reading, or meets an error, leaves nothing unhandled behind.
    await Promise.allSettled(results);
  }
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

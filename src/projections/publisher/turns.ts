// Splits long work into turns of the event loop, so that the host of an audit can run in between.
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Items per turn: a few milliseconds of comparing or hashing. */
export const ITEMS_PER_TURN = 1_000;

/** The items in batches, one per turn of the event loop. */
export async function* inTurns<T>(
  items: Iterable<T>,
): AsyncGenerator<readonly T[], void, undefined> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length < ITEMS_PER_TURN) continue;
    yield batch;
    batch = [];
    await nextTurn();
  }
  if (batch.length > 0) yield batch;
}

// Reading page by page from a log that answers at once. Nothing is held between two pages but a
// cursor, so a slow reader costs nothing and stops nobody.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { ReadAllOptions, ReadStreamOptions } from '../../../domain/ports/event-store.ts';

/** The most events of one page. */
export const PAGE_EVENTS = 512;

export type Direction = 'forwards' | 'backwards';

/** One look at a stretch of the log. */
export type Scan = {
  readonly events: readonly RecordedEvent[];
  /** Everything from the cursor to here was looked at; the next scan starts after it. */
  readonly scannedTo: bigint;
  /** There is nothing beyond `scannedTo` in this direction. */
  readonly atEnd: boolean;
};

/** One look at a stream. */
export type StreamScan = {
  readonly events: readonly RecordedEvent[];
  /** There is nothing beyond these in this direction; most streams are read in one look. */
  readonly atEnd: boolean;
};

/** A log that is read in short, synchronous steps. */
export type Log = {
  /** @param after exclusive; absent, the edge that the direction starts from */
  readonly scan: (
    direction: Direction,
    after: bigint | undefined,
    prefixes: readonly string[],
    limit: number,
  ) => Scan;
  /** @param from inclusive; absent, the edge that the direction starts from */
  readonly stream: (
    direction: Direction,
    stream: string,
    from: bigint | undefined,
    limit: number,
  ) => StreamScan;
};

/** {@link EventStore.readAll} on a log. */
export async function* readAllPages(
  log: Log,
  options: ReadAllOptions,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  let left = countLimit(options.maxCount);
  let cursor = options.from?.commit;
  while (left > 0) {
    const scan = log.scan(options.direction, cursor, options.prefixes, Math.min(left, PAGE_EVENTS));
    if (scan.events.length > 0) yield scan.events;
    if (scan.atEnd) return;
    left -= scan.events.length;
    cursor = scan.scannedTo;
    // A reader that never waits for anything else would keep the event loop for the whole log.
    await nextTurn();
  }
}

/** {@link EventStore.readStream} on a log. */
export async function* readStreamPages(
  log: Log,
  stream: string,
  options: ReadStreamOptions,
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  let left = countLimit(options.maxCount);
  let from = options.from;
  const forwards = options.direction === 'forwards';
  while (left > 0) {
    const { events, atEnd } = log.stream(
      options.direction,
      stream,
      from,
      Math.min(left, PAGE_EVENTS),
    );
    const last = events.at(-1);
    if (last === undefined) return;
    yield events;
    await nextTurn();
    left -= events.length;
    from = last.revision + (forwards ? 1n : -1n);
    if (atEnd || from < 0n) return;
  }
}

/** How many events a read may give; all when nothing is said. */
export function countLimit(maxCount: number | undefined): number {
  if (maxCount === undefined) return Infinity;
  if (Number.isSafeInteger(maxCount) && maxCount >= 0) return maxCount;
  throw new TocsinError('usage', 'max_count', `maxCount ${maxCount} is not a number of events`, {
    hint: 'Give an integer from 0 on, or leave it out to read everything.',
  });
}

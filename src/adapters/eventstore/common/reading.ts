// Reads page by page from a log with synchronous reads. A slow reader holds no resources: it keeps only a cursor.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { ReadAllOptions, ReadStreamOptions } from '../../../domain/ports/event-store.ts';

export const PAGE_EVENTS = 512;

export type Direction = 'forwards' | 'backwards';

export type Scan = {
  readonly events: readonly RecordedEvent[];
  /** The next scan starts after this position. */
  readonly scannedTo: bigint;
  readonly atEnd: boolean;
};

/** A part of a stream; `atEnd` when the stream has no events beyond it in this direction. */
export type StreamScan = Pick<Scan, 'events' | 'atEnd'>;

/** A log with short, synchronous reads. Without a start they begin at the edge that the direction starts from. */
export type Log = {
  /** @param after exclusive */
  readonly scan: (
    direction: Direction,
    after: bigint | undefined,
    prefixes: readonly string[],
    limit: number,
  ) => Scan;
  /** @param from inclusive */
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
    // Without this wait a reader would block the event loop for the whole log.
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
  let { from } = options;
  const { direction } = options;
  while (left > 0) {
    const { events, atEnd } = log.stream(direction, stream, from, Math.min(left, PAGE_EVENTS));
    const last = events.at(-1);
    if (last === undefined) return;
    yield events;
    await nextTurn();
    left -= events.length;
    from = last.revision + (direction === 'forwards' ? 1n : -1n);
    if (atEnd || from < 0n) return;
  }
}

/** The most events of a read; Infinity without `maxCount`. */
export function countLimit(maxCount: number | undefined): number {
  if (maxCount === undefined) return Infinity;
  if (Number.isSafeInteger(maxCount) && maxCount >= 0) return maxCount;
  throw new TocsinError('usage', 'max_count', `maxCount ${maxCount} is not a number of events`, {
    hint: 'Give an integer from 0 on, or leave it out to read everything.',
  });
}

export function storeClosed(): TocsinError {
  return new TocsinError('usage', 'store_closed', 'the event store is closed', {
    hint: 'End subscriptions and wait for appends before closing the store, or open it again.',
  });
}

// Reads a stream, or the log. Each read is one call with a limit on the server's silence.
import { TocsinError } from '../../../domain/core/errors.ts';
import { comparePositions } from '../../../domain/core/positions.ts';
import { unlessAborted } from '../../../domain/core/signals.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { ReadAllOptions, ReadStreamOptions } from '../../../domain/ports/event-store.ts';
import { countLimit } from '../common/reading.ts';
import type { ReadCall } from './link.ts';
import { isStreamDeleted, readError, wasGranted, type Granted } from './failures.ts';
import { answerPages, cancelLate } from './answer-pages.ts';
import { isSystemStream, logRead, streamRead, selectsAll } from './requests.ts';

type Page = readonly RecordedEvent[];

const MAX_REVISION = 2n ** 63n - 1n;

/** {@link EventStore.readStream} through calls. */
export async function* readStreamThrough(
  start: (request: Buffer) => Promise<ReadCall>,
  granted: Granted,
  silenceMs: number,
  stream: string,
  options: ReadStreamOptions,
): AsyncGenerator<Page, void, undefined> {
  const count = countLimit(options.maxCount);
  if (count === 0) return;
  const { direction } = options;
  const edge = direction === 'forwards' ? 'start' : 'end';
  const from = options.from ?? edge;
  const request = streamRead(
    stream,
    direction,
    typeof from === 'bigint' && from > MAX_REVISION ? MAX_REVISION : from,
    count,
  );
  try {
    yield* pagesOf(() => start(request), silenceMs);
    granted.login = true;
  } catch (error) {
    // A deleted stream reads as an empty one; only appends report the tombstone.
    if (!isStreamDeleted(error)) throw readError(error, wasGranted(error, granted, false));
  }
}

/**
 * {@link EventStore.readAll} through calls. The server filters, and is silent while it finds no match, so
 * only the keep-alive detects a dead connection.
 */
export async function* readAllThrough(
  start: (request: Buffer) => Promise<ReadCall>,
  granted: Granted,
  { direction, from, prefixes, maxCount }: ReadAllOptions,
): AsyncGenerator<Page, void, undefined> {
  let left = countLimit(maxCount);
  const forwards = direction === 'forwards';
  const atStart = from?.commit === 0n;
  if (left === 0 || (atStart && !forwards)) return;
  const edge = forwards ? 'start' : 'end';
  const after = forwards ? from : undefined;
  // Two kinds of events are left out here: the one at `from`, which the protocol includes forwards, and
  // those of the server's own streams, which come when no prefix excludes them.
  const all = selectsAll(prefixes);
  const count = all ? Infinity : left + (after === undefined ? 0 : 1);
  const isWanted = ({ position, stream }: RecordedEvent): boolean =>
    (after === undefined || comparePositions(position, after) > 0) &&
    !(all && isSystemStream(stream));
  const request = logRead(direction, atStart ? edge : (from ?? edge), prefixes, count);
  try {
    for await (const page of pagesOf(() => start(request), Infinity)) {
      const wanted = page.filter(isWanted).slice(0, left);
      left -= wanted.length;
      granted.readAll = granted.login = true;
      if (wanted.length > 0) yield wanted;
      if (left === 0) return;
    }
    granted.readAll = granted.login = true;
  } catch (error) {
    throw readError(error, wasGranted(error, granted, true));
  }
}

/** The events of a short read. */
export async function readLog(
  start: (request: Buffer) => ReadCall | Promise<ReadCall>,
  request: Buffer,
  silenceMs: number,
): Promise<Page> {
  const events: RecordedEvent[] = [];
  for await (const page of pagesOf(async () => start(request), silenceMs)) events.push(...page);
  return events;
}

async function* pagesOf(
  start: () => Promise<ReadCall>,
  silenceMs: number,
): AsyncGenerator<Page, void, undefined> {
  const starting = start();
  let call: ReadCall | undefined;
  try {
    call = await within(starting, silenceMs);
    const pages = answerPages(call, (answer) =>
      answer.kind === 'event' ? { item: answer.event, bytes: answer.bytes } : undefined,
    );
    for (;;) {
      const page = await within(pages.next(), silenceMs);
      if (page === undefined) return;
      yield page;
    }
  } finally {
    if (call === undefined) cancelLate(starting);
    call?.cancel();
  }
}

/** @throws TocsinError `unavailable` when `work` takes longer than `ms` */
async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  if (ms === Infinity) return work;
  return unlessAborted(work, AbortSignal.timeout(ms), () => {
    throw silent(ms);
  });
}

function silent(ms: number): TocsinError {
  const message = `the event store sent nothing for ${ms} ms`;
  return new TocsinError('unavailable', 'store_unavailable', message, {
    hint: 'Check that the server runs and is not overloaded.',
  });
}

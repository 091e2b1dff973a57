// Copies a log into another store, event by event in log order; a repeat continues. Each copy is compared. At the
// end the target gets a record of the copy.
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { isControlStream } from '../../domain/core/ids.ts';
import type { Position } from '../../domain/core/positions.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { copiedEvent, differenceOf, nameOf, positionIn } from './copied-event.ts';
import { copyWriter } from './copy-writer.ts';
import { recordCopy, withoutRecords, type RecordContext } from './record-copy.ts';

export type CopyContext = Omit<RecordContext, 'source' | 'target'> & {
  readonly source: Pick<EventStore, 'readAll' | 'readStream'>;
  readonly target: EventStore;
  readonly prefixes: readonly string[];
  readonly signal: AbortSignal;
  readonly progress: (done: CopyProgress) => void;
};

export type CopyProgress = {
  /** Events that the target held before, compared. */
  readonly found: number;
  readonly copied: number;
  /** Copied events that were read back and compared. */
  readonly verified: number;
};

/** The result of a copy: the target holds the source's events up to `sourceHead`, and records of copies. */
export type CopyResult = CopyProgress & {
  readonly events: number;
  /** Positions in events that were translated into the target's. */
  readonly repositioned: number;
  readonly sourceHead: Position | undefined;
  readonly targetHead: Position | undefined;
  /** The streams that got a record of this copy. */
  readonly recordedIn: readonly string[];
};

/** Copies up to the source's current head. After `unavailable` run it again. */
export async function copyLog(context: CopyContext): Promise<CopyResult> {
  const { source, target, prefixes, signal } = context;
  const counts = { found: 0, copied: 0, verified: 0 };
  let repositioned = 0;
  let sourceHead: Position | undefined;
  let lastFound: { readonly source: Position; readonly target: Position } | undefined;
  const report = (count: keyof CopyProgress, events: number): void => {
    counts[count] += events;
    context.progress(counts);
  };
  const copiesAfter = (from: Position | undefined) =>
    withoutRecords(source, eventsOf(target, prefixes, from));
  const existing = copiesAfter(undefined);
  const kernels: string[] = [];
  let writer: ReturnType<typeof copyWriter> | undefined;
  for await (const event of eventsOf(source, prefixes, undefined)) {
    signal.throwIfAborted();
    sourceHead = event.position;
    const kernel = kernelOf(event);
    if (kernel !== undefined && isWhole(kernel, prefixes)) kernels.push(kernel);
    if (positionIn(event) !== undefined) {
      // The event at this position must be in the target first.
      await writer?.flush();
      repositioned += 1;
    }
    const copy = await copiedEvent(context, event);
    const found = writer === undefined ? (await existing.next()).value : undefined;
    if (found !== undefined) {
      assertSame(event, copy, found);
      lastFound = { source: event.position, target: found.position };
      report('found', 1);
      continue;
    }
    writer ??= copyWriter(context, lastFound?.target, (events) => {
      report('copied', events);
    });
    await writer.add(event.stream, event.revision, copy);
  }
  if (writer === undefined) {
    const more = (await existing.next()).value;
    if (more !== undefined) throw differs(`it has more events, beginning with ${nameOf(more)}`);
  }
  await writer?.flush();

  let targetHead = lastFound?.target;
  const copies = copiesAfter(lastFound?.target);
  const originals = eventsOf(source, prefixes, lastFound?.source);
  for (let left = counts.copied; left > 0; left -= 1) {
    signal.throwIfAborted();
    const [event, copy] = [(await originals.next()).value, (await copies.next()).value];
    if (event === undefined || copy === undefined) throw differs('it is shorter than the source');
    assertSame(event, await copiedEvent(context, event), copy);
    targetHead = copy.position;
    report('verified', 1);
  }
  await Promise.all([existing, copies, originals].map((reads) => reads.return(undefined)));
  const recordedIn: string[] = [];
  if (sourceHead !== undefined && targetHead !== undefined) {
    for (const kernel of kernels) {
      const stream = await recordCopy(context, kernel, { sourceHead, targetHead });
      if (stream !== undefined) recordedIn.push(stream);
    }
  }
  const events = counts.found + counts.copied;
  return { ...counts, events, repositioned, sourceHead, targetHead, recordedIn };
}

/** The kernel whose log begins with this event. */
function kernelOf({ stream, revision, type }: RecordedEvent): string | undefined {
  const isFirst = revision === 0n && type === 'StoreInitialised' && isControlStream(stream);
  return isFirst ? stream.slice(0, stream.lastIndexOf('.')) : undefined;
}

/** True when all streams of the kernel have the prefixes; a part of a log is no copy of it. */
function isWhole(kernel: string, prefixes: readonly string[]): boolean {
  return prefixes.length === 0 || prefixes.some((prefix) => `${kernel}.`.startsWith(prefix));
}

async function* eventsOf(
  store: Pick<EventStore, 'readAll'>,
  prefixes: readonly string[],
  from: Position | undefined,
): AsyncGenerator<RecordedEvent, undefined, undefined> {
  for await (const page of store.readAll({ direction: 'forwards', prefixes, from })) yield* page;
}

function assertSame(...args: Parameters<typeof differenceOf>): void {
  const difference = differenceOf(...args);
  if (difference === undefined) return;
  throw differs(`where the source has ${nameOf(args[0])}, the target has ${difference}`);
}

function differs(how: string): TocsinError {
  const hint = 'Copy into an empty store; a store that is in use has a history of its own.';
  const message = `the target differs from the source: ${how}`;
  return new TocsinError('refused', 'target_differs', message, { hint });
}

// Copies a log into another store, event by event in log order; a repeat continues. Each copy is compared.
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import type { Position } from '../../domain/core/positions.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { copiedEvent, differenceOf, nameOf, positionIn } from './copied-event.ts';
import { copyWriter, type CopyWriterContext } from './copy-writer.ts';

export type CopyContext = Omit<CopyWriterContext, 'target'> & {
  readonly source: Pick<EventStore, 'readAll'>;
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

/** The result of a copy: the target holds the source's events up to `sourceHead` and no others. */
export type CopyResult = CopyProgress & {
  readonly events: number;
  /** Positions in events that were translated into the target's. */
  readonly repositioned: number;
  readonly sourceHead: Position | undefined;
  readonly targetHead: Position | undefined;
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
  const existing = eventsOf(target, prefixes, undefined);
  let writer: ReturnType<typeof copyWriter> | undefined;
  for await (const event of eventsOf(source, prefixes, undefined)) {
    signal.throwIfAborted();
    sourceHead = event.position;
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
  const copies = eventsOf(target, prefixes, lastFound?.target);
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
  return { ...counts, events: counts.found + counts.copied, repositioned, sourceHead, targetHead };
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

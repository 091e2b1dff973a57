// Copies a log into another store, event by event and in its order: streams, revisions, ids, types, data
// and metadata stay. It remembers nothing: what the target holds already says how far it is, and every
// event is read back and compared once.
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import type { Position } from '../../domain/core/positions.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { copiedEvent, differenceOf, placeOf, positionIn } from './copied-event.ts';
import { copyWriter, type WriterContext } from './writer.ts';

export type CopyContext = Omit<WriterContext, 'target'> & {
  readonly source: Pick<EventStore, 'readAll'>;
  readonly target: EventStore;
  /** Streams to copy, by the beginning of their names; all when empty. */
  readonly prefixes: readonly string[];
  readonly signal: AbortSignal;
  readonly progress: (done: CopyProgress) => void;
};

/** How far a copy is, in events. */
export type CopyProgress = {
  /** Found in the target, and the same. */
  readonly found: number;
  readonly copied: number;
  /** Of those copied, read back and the same. */
  readonly verified: number;
};

/** What a copy did. The target then holds the source's events up to `sourceHead`, and nothing else. */
export type CopyResult = CopyProgress & {
  readonly events: number;
  /** Positions in events that became the target's. */
  readonly repositioned: number;
  readonly sourceHead: Position | undefined;
  readonly targetHead: Position | undefined;
};

/**
 * Brings the target up to the source's head as it is on the way.
 *
 * @throws TocsinError `refused` with `target_differs` for a target that holds something else, and what
 * the writer throws; `unavailable` when a store cannot be reached: then run it again
 */
export async function copyLog(context: CopyContext): Promise<CopyResult> {
  const { source, target, prefixes, signal } = context;
  const counts = { found: 0, copied: 0, verified: 0 };
  let repositioned = 0;
  let sourceHead: Position | undefined;
  let lastFound: { readonly source: Position; readonly target: Position } | undefined;
  const tell = (what: keyof CopyProgress, events: number): void => {
    counts[what] += events;
    context.progress(counts);
  };
  const existing = eventsOf(target, prefixes, undefined);
  let writer: ReturnType<typeof copyWriter> | undefined;
  for await (const event of eventsOf(source, prefixes, undefined)) {
    signal.throwIfAborted();
    sourceHead = event.position;
    if (positionIn(event) !== undefined) {
      // The place that it names has to be in the target first.
      await writer?.flush();
      repositioned += 1;
    }
    const copy = await copiedEvent(context, event);
    const there = writer === undefined ? (await existing.next()).value : undefined;
    if (there !== undefined) {
      assertSame(event, copy, there);
      lastFound = { source: event.position, target: there.position };
      tell('found', 1);
      continue;
    }
    writer ??= copyWriter(context, lastFound?.target, (events) => {
      tell('copied', events);
    });
    await writer.add(event.stream, event.revision, copy);
  }
  if (writer === undefined) {
    const more = (await existing.next()).value;
    if (more !== undefined) throw differs(`it goes on with ${placeOf(more)}`);
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
    tell('verified', 1);
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
  throw differs(`where the source has ${placeOf(args[0])} it has ${difference}`);
}

function differs(how: string): TocsinError {
  return new TocsinError(
    'refused',
    'target_differs',
    `the target is no copy of the source: ${how}`,
    {
      hint: 'Copy into an empty store; one that is in use by now has a history of its own.',
    },
  );
}

// Records in the target that it is a copy, so that `audit verify` knows the positions of messages that were sent
// before.
import { eventId, isCopiedStream, copiedStream, uuidOf } from '../../domain/core/ids.ts';
import { comparePositions, formatPosition, type Position } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { copyCodec } from '../../domain/copy/events.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Clock } from '../../domain/ports/runtime.ts';
import { copiesOf } from '../../projections/audit/reading/copies.ts';
import { copyWriter, type CopyWriterContext } from './copy-writer.ts';

export type RecordContext = CopyWriterContext & {
  readonly source: Pick<EventStore, 'readStream'>;
  readonly target: Pick<EventStore, 'append' | 'readStream'>;
  readonly now: Clock['now'];
  /** Who copies, for the record. */
  readonly actor: string;
};

/**
 * Appends a `LogCopied`, unless an earlier run recorded the same end. Its stream comes after those that the source
 * has, because a later run of the source's own copy may append to those.
 *
 * @returns the stream, when this call has appended to it
 */
export async function recordCopy(
  context: RecordContext,
  kernel: string,
  heads: { readonly sourceHead: Position; readonly targetHead: Position },
): Promise<string | undefined> {
  const { source, target, now, actor } = context;
  const n = (await copiesOf(source, kernel)).length;
  const earlier = (await copiesOf(target, kernel))[n] ?? [];
  const last = earlier.at(-1);
  if (last !== undefined && comparePositions(last.targetHead, heads.targetHead) >= 0)
    return undefined;
  const stream = copiedStream(kernel, n + 1);
  // A repeat of a run without an answer has the same ids.
  const commandId = uuidOf('copy', stream, formatPosition(heads.targetHead));
  const recordedAt = Math.max(now(), last?.recordedAt ?? 0);
  const ids = { commandId, correlationId: commandId, causationId: commandId };
  const event = copyCodec.encode(
    { type: 'LogCopied', data: heads },
    { recordedAt, ...ids, actor },
    eventId(commandId, stream, 0),
  );
  const writer = copyWriter(context, heads.targetHead, () => undefined);
  await writer.add(stream, BigInt(earlier.length), event);
  await writer.flush();
  return stream;
}

/** The target's events without the records of this copy, which the source does not have. */
export async function* withoutRecords(
  source: Pick<EventStore, 'readStream'>,
  events: AsyncGenerator<RecordedEvent, undefined, undefined>,
): AsyncGenerator<RecordedEvent, undefined, undefined> {
  const isCopied = new Map<string, boolean>();
  for await (const event of events) {
    const { stream, type } = event;
    if (type !== 'LogCopied' || !isCopiedStream(stream)) {
      yield event;
      continue;
    }
    const known = isCopied.get(stream) ?? (await isThere(source, stream));
    isCopied.set(stream, known);
    if (known) yield event;
  }
}

async function isThere(store: Pick<EventStore, 'readStream'>, stream: string): Promise<boolean> {
  const options = { direction: 'forwards', maxCount: 1 } as const;
  for await (const page of store.readStream(stream, options)) return page.length > 0;
  return false;
}

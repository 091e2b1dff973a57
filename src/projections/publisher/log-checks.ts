// Checks that the log is the log of the read model's checkpoint.
import { untilAborted } from '../../domain/core/signals.ts';
import { comparePositions, formatPosition, type Position } from '../../domain/core/positions.ts';
import { assertNotHidden } from '../../domain/ports/hidden-stream.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { projectionPrefixes } from '../dedupe/classify.ts';
import { firstOf, lastSeen } from '../last-seen.ts';
import type { Checkpoint } from '../read-model.ts';
import type { ProjectorContext } from './context.ts';
import { logChanged, refusals } from './refusals.ts';

/** Where the log is read from. */
export type ReadFrom = {
  /** Exclusive; absent for the log's beginning. */
  readonly from?: Position | undefined;
  /** The last folded event; none of the projection is between it and `from`. */
  readonly lastEvent?: RecordedEvent | undefined;
};

/** @returns the log's id. @throws TocsinError `store_changed` when the checkpoint is of another log */
export function assertSameStore(
  checkpoint: Checkpoint | undefined,
  storeId: string | undefined,
): string {
  if (storeId === undefined) throw refusals.logShorter('its first event');
  if (checkpoint !== undefined && checkpoint.storeId !== storeId) {
    throw refusals.otherStore(checkpoint.storeId, storeId);
  }
  return storeId;
}

/**
 * The last folded event must still be in the log. A copy of the log has other positions: going on from the
 * old checkpoint could skip events there, so the copy is folded from its beginning.
 * @param isDoubted a subscription has skipped events, or the log was replaced behind it: the checkpoint may lie beyond
 *   events that are not folded
 * @returns both absent for the log's beginning
 * @throws TocsinError `log_shorter` when the event is gone
 */
export async function assertSameLog(
  context: ProjectorContext,
  isDoubted: boolean,
  signal: AbortSignal,
): Promise<ReadFrom> {
  const { store, state, kernel, logger } = context;
  const checkpoint = state.checkpoint();
  const folded = checkpoint && lastFolded(store, checkpoint, projectionPrefixes(kernel));
  const event = folded && (await untilAborted(folded, signal));
  if (checkpoint === undefined || event === undefined) {
    return isDoubted ? {} : { from: checkpoint?.position };
  }
  const { position } = checkpoint;
  const isInPlace =
    comparePositions(event.position, position) <= 0 &&
    ((await untilAborted(sourceInPlace(context), signal)) ??
      (await untilAborted(nothingUpTo(context, event.position, position), signal)));
  if (isInPlace) {
    return { from: isDoubted ? event.position : position, lastEvent: event };
  }
  logger.warn(
    { checkpoint: formatPosition(position), found: formatPosition(event.position) },
    'the log is a copy with other positions; folding it from its beginning',
  );
  await assertWhole(context, signal);
  state.reset();
  return {};
}

/**
 * The log can be folded from its beginning: to be called before a read model is reset.
 * @throws TocsinError `log_archived` when events were moved to archives that are not given
 */
export async function assertWhole(
  { store, kernel }: Pick<ProjectorContext, 'store' | 'kernel'>,
  signal: AbortSignal,
): Promise<void> {
  const prefixes = projectionPrefixes(kernel);
  const first = firstOf(store.readAll({ direction: 'forwards', prefixes, maxCount: 1 }));
  await untilAborted(first, signal);
}

/**
 * The last folded event of a checkpoint, as the log has it; `undefined` before the first.
 * @throws TocsinError `log_shorter`, or `stream_hidden`
 */
export async function lastFolded(
  store: Pick<EventStore, 'readStream' | 'readAll'>,
  { lastEvent: last, position }: Checkpoint,
  prefixes: readonly string[],
): Promise<RecordedEvent | undefined> {
  if (last === null) return undefined;
  const event = await lastSeen(store, { last, position, prefixes });
  if (event !== undefined) return event;
  await assertNotHidden(store, last.stream);
  throw refusals.logShorter(`event ${last.revision} of ${last.stream}`);
}

/** Whether the source of the last message has its old position; `undefined` when it cannot be read. */
async function sourceInPlace({ store, state }: ProjectorContext): Promise<boolean | undefined> {
  const row = state.lastRecentMessage();
  if (row === undefined) return undefined;
  const one = { direction: 'forwards', from: row.revision, maxCount: 1 } as const;
  const source = await firstOf(store.readStream(row.stream, one));
  return source?.id === row.source
    ? comparePositions(source.position, row.position) === 0
    : undefined;
}

/** Whether no event lies between the last folded event and the checkpoint. */
async function nothingUpTo(
  { store, kernel }: ProjectorContext,
  from: Position,
  to: Position,
): Promise<boolean> {
  const prefixes = projectionPrefixes(kernel);
  const next = await firstOf(store.readAll({ direction: 'forwards', from, prefixes, maxCount: 1 }));
  return next === undefined || comparePositions(next.position, to) > 0;
}

/**
 * The log must hold the last folded event, and no event between it and the place that was saved: a log that was restored
 * from a backup and has grown past the place can have both, a record at the place and new events before it.
 *
 * @returns an event that would be skipped
 * @throws TocsinError `log_changed` when the last event is gone, or at another position
 */
export async function skippedBefore(
  { store, kernel }: ProjectorContext,
  { from: place, lastEvent: last }: ReadFrom,
): Promise<RecordedEvent | undefined> {
  if (place === undefined || last === undefined) return undefined;
  const prefixes = projectionPrefixes(kernel);
  const found = await lastSeen(store, { last, position: place, prefixes });
  if (found === undefined || comparePositions(found.position, last.position) !== 0) {
    throw logChanged(`event ${last.revision} of ${last.stream}`);
  }
  if (comparePositions(last.position, place) === 0) return undefined;
  const after = { from: last.position, prefixes, maxCount: 1 } as const;
  const next = await firstOf(store.readAll({ direction: 'forwards', ...after }));
  return next !== undefined && comparePositions(next.position, place) <= 0 ? next : undefined;
}

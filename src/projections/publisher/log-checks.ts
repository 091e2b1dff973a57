// Checks that the log is the log of the read model's checkpoint.
import { untilAborted } from '../../domain/core/signals.ts';
import { comparePositions, formatPosition } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { projectionPrefixes } from '../dedupe/classify.ts';
import { lastSeen } from '../last-seen.ts';
import type { Checkpoint } from '../read-model.ts';
import type { ProjectorContext } from './context.ts';
import { refusals } from './refusals.ts';

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
 * @throws TocsinError `log_shorter` when the event is gone
 */
export async function assertSameLog(
  { store, state, kernel, logger }: ProjectorContext,
  signal: AbortSignal,
): Promise<void> {
  const checkpoint = state.checkpoint();
  const last = checkpoint?.lastEvent;
  if (checkpoint === undefined || last === undefined || last === null) return;
  const prefixes = projectionPrefixes(kernel);
  const { position } = checkpoint;
  const event = await untilAborted(lastSeen(store, { last, position, prefixes }), signal);
  if (event === undefined) {
    throw refusals.logShorter(`event ${last.revision} of ${last.stream}`);
  }
  const later = store.readAll({
    direction: 'forwards',
    from: event.position,
    prefixes,
    maxCount: 1,
  });
  const next = await untilAborted(firstOf(later), signal);
  const fits =
    comparePositions(event.position, position) <= 0 &&
    (next === undefined || comparePositions(next.position, position) > 0);
  if (fits) return;
  logger.warn(
    { checkpoint: formatPosition(position), found: formatPosition(event.position) },
    'the log is a copy with other positions; folding it from its beginning',
  );
  state.reset();
}

async function firstOf(
  pages: AsyncIterable<readonly RecordedEvent[]>,
): Promise<RecordedEvent | undefined> {
  for await (const [event] of pages) return event;
  return undefined;
}

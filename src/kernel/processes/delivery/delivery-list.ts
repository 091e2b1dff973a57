// Keeps the list of deliveries, and notes whose skipped ones may go now: after a skip, and after a
// channel was configured or enabled (W22). One subscription sees both in the log's order, so neither a
// channel that comes just before the skip nor one that comes just after it is missed.
import { z } from 'zod';
import { TocsinError } from '../../../domain/core/errors.ts';
import { categoryPrefix } from '../../../domain/core/ids.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { Position } from '../../../domain/core/positions.ts';
import { deliveryCodec } from '../../../domain/delivery/events.ts';
import type { EventStore, SubscriptionEntry } from '../../../domain/ports/event-store.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import {
  rowAfter,
  type DeliveryIndex,
  type DeliveryRow,
  type RedriveMark,
} from './delivery-index.ts';
import type { EventRef } from '../../../projections/read-model.ts';
import { backoffMs } from '../due/backoff.ts';
import { assertSameLog } from '../due/follow.ts';
import type { Runtime } from '../../../domain/ports/runtime.ts';
import type { Process } from '../due/process.ts';
import type { WakeSignal } from '../../../domain/core/wake-signal.ts';

export type ListOptions = {
  readonly store: EventStore;
  readonly kernel: string;
  readonly index: DeliveryIndex;
  readonly surroundings: Runtime;
  /** Rung when there are marks. */
  readonly bell: WakeSignal;
  readonly logger?: Logger | undefined;
};

/** What a channel's stream has to say, by the names of its events. */
const OPENING_EVENTS: ReadonlySet<string> = new Set(['ChannelConfigured', 'ChannelEnabled']);
const OfUser = z.object({ userId: z.string() });

/** Reasons to skip that a channel can take away. */
export const NO_CHANNEL_REASONS: ReadonlySet<string> = new Set(['no_channel', 'channel_disabled']);

/** The process that keeps the list. */
export function listProcess(options: ListOptions): Process {
  const { surroundings, logger = silentLogger } = options;
  const name = 'delivery-list';
  return {
    name,
    async run(signal) {
      for (let failures = 0; !signal.aborted; failures += 1) {
        try {
          await follow(options, signal);
          return;
        } catch (error) {
          if (!(error instanceof TocsinError) || error.kind !== 'unavailable') throw error;
          const waitMs = backoffMs(failures, surroundings.random);
          logger.warn({ process: name, reason: error.message, waitMs }, 'the process waits');
          await surroundings.pause(waitMs, signal);
        }
      }
    },
  };
}

async function follow(options: ListOptions, signal: AbortSignal): Promise<void> {
  const { store, kernel, index, bell } = options;
  const prefixes = [categoryPrefix(kernel, 'notification'), categoryPrefix(kernel, 'channel')];
  await assertSameLog(index, store, prefixes);
  // What a worker noted before it ended.
  bell.ring();
  for await (const page of store.subscribeAll({ from: index.position(), prefixes, signal })) {
    const step = stepOf(page, index);
    if (step === undefined) continue;
    index.commit(step);
    if (step.marks.length > 0) bell.ring();
  }
}

type Step = Parameters<DeliveryIndex['commit']>[0];

function stepOf(page: readonly SubscriptionEntry[], index: DeliveryIndex): Step | undefined {
  const rows = new Map<string, DeliveryRow>();
  const marks = new Map<string, RedriveMark>();
  let position: Position | undefined;
  let lastEvent: EventRef | undefined;
  for (const entry of page) {
    if (entry.kind === 'caughtUp') continue;
    position = entry.kind === 'event' ? entry.event.position : entry.position;
    if (entry.kind !== 'event') continue;
    const { event } = entry;
    lastEvent = { id: event.id, stream: event.stream, revision: event.revision };
    const userId = enter(event, rows, index);
    if (userId !== undefined) marks.set(userId, { userId, since: event.position.commit });
  }
  if (position === undefined) return undefined;
  return { position, lastEvent, rows: [...rows.values()], marks: [...marks.values()] };
}

/** @returns the user whose skipped deliveries are to be looked at again */
function enter(
  recorded: RecordedEvent,
  rows: Map<string, DeliveryRow>,
  index: DeliveryIndex,
): string | undefined {
  if (OPENING_EVENTS.has(recorded.type)) {
    const about = OfUser.safeParse(recorded.data);
    return about.success ? about.data.userId : undefined;
  }
  const decoded = deliveryCodec.decode(recorded);
  if (decoded.kind !== 'event') return undefined;
  const { event } = decoded;
  const { notificationId, userId } = event.data;
  const before = rows.get(notificationId) ?? index.get(notificationId);
  const row = rowAfter(before, event, recorded.stream);
  if (row !== undefined) rows.set(notificationId, row);
  const isWaitingForChannel =
    event.type === 'DeliverySkipped' && NO_CHANNEL_REASONS.has(event.data.reason);
  return isWaitingForChannel ? userId : undefined;
}

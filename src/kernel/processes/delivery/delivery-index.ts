// The port to the list of deliveries: one row per delivery, and the users whose skipped deliveries can be
// redriven. The list is built from the log and can be deleted.
import type { Instant } from '../../../domain/core/instants.ts';
import type { Position } from '../../../domain/core/positions.ts';
import type { DeliveryEvent, DeliveryEventData } from '../../../domain/delivery/events.ts';
import { effectOf, type DeliveryStatus } from '../../../domain/delivery/effects.ts';
import type { EventRef } from '../../../projections/read-model.ts';

/** One delivery in the list; its stream has all details. */
export type DeliveryRow = {
  readonly notificationId: string;
  readonly stream: string;
  readonly userId: string;
  readonly triggerType: string;
  readonly channel: string;
  readonly triggerId: string;
  readonly previewId: string;
  readonly status: DeliveryStatus;
  readonly attempts: number;
  /** Why the delivery has this status: a stable code, or the reason of a redrive. */
  readonly reason: string | null;
  /** When a worker handles the delivery again; `null` after its end. */
  readonly dueAt: Instant | null;
  readonly requestedAt: Instant;
  readonly expiresAt: Instant;
  /** When the event was recorded that gave the delivery its status. */
  readonly changedAt: Instant;
};

/** A row with its number in the list; newer rows have higher numbers. */
export type ListedDelivery = DeliveryRow & { readonly number: number };

/** Which deliveries; all that is absent matches. */
export type DeliveryFilter = {
  readonly userId?: string | undefined;
  readonly status?: DeliveryStatus | undefined;
  readonly channel?: string | undefined;
  /** The code of {@link DeliveryRow.reason}. */
  readonly reason?: string | undefined;
  /** Only deliveries that have had their status since then, or since a later time. */
  readonly since?: Instant | undefined;
};

export type DeliveryQuery = DeliveryFilter & {
  /** Only rows below this number: the last number of the previous page. */
  readonly before?: number | undefined;
  readonly limit: number;
};

/** How many deliveries have one status and reason on one channel. */
export type DeliveryGroup = Pick<DeliveryRow, 'status' | 'channel' | 'reason'> & {
  readonly count: number;
};

/** Messages that nobody but the projector may send, that it has not sent, and that came with one reason. */
export type ForgedMessages = {
  readonly reason: string;
  readonly count: number;
  /** Of the last one. */
  readonly sequence: bigint;
  readonly notificationId: string;
  readonly at: Instant;
};

/** Deliveries that got a status in one minute, by the time of the event that gave it. */
export type DeliveryMinute = {
  /** The beginning of the minute. */
  readonly minute: Instant;
  readonly status: DeliveryStatus;
  readonly count: number;
};

/** Reads the list, also while a worker owns it. */
export interface DeliveryIndexReader extends Disposable {
  get(notificationId: string): DeliveryRow | undefined;
  /** The newest first. */
  list(query: DeliveryQuery): readonly ListedDelivery[];
  counts(): Readonly<Partial<Record<DeliveryStatus, number>>>;
  /** When the oldest delivery of these statuses was requested; `undefined` when there is none. */
  oldest(statuses: readonly DeliveryStatus[]): Instant | undefined;
  /** The largest groups first, at most 1,000: a receiver can invent reasons. */
  groups(filter: DeliveryFilter): readonly DeliveryGroup[];
  /** Ended deliveries per minute, from one instant on and before another, in order. */
  perMinute(from: Instant, to: Instant): readonly DeliveryMinute[];
  forgedMessages(): readonly ForgedMessages[];
}

/** A user whose skipped deliveries can be redriven, and the commit position of the cause. */
export type RedriveMark = { readonly userId: string; readonly since: bigint };

export interface DeliveryIndex extends DeliveryIndexReader {
  /** The rows contain everything up to this position; `undefined` before the first commit. */
  position(): Position | undefined;
  lastEvent(): EventRef | undefined;
  /** One transaction; rows replace those of the same id, marks those of the same user. */
  commit(step: {
    readonly position: Position;
    readonly lastEvent?: EventRef | undefined;
    readonly rows: readonly DeliveryRow[];
    readonly marks: readonly RedriveMark[];
    /** Added to what earlier commits have counted. */
    readonly minutes?: readonly DeliveryMinute[];
  }): void;
  /** Counts a forged message. */
  addForged(message: Omit<ForgedMessages, 'count'>): void;
  marks(limit: number): readonly RedriveMark[];
  /** Removes a mark, unless a newer mark has replaced it. */
  unmark(mark: RedriveMark): void;
}

/** The row after an event of its delivery; `undefined` when nothing was accepted yet. */
export function rowAfter(
  row: DeliveryRow | undefined,
  event: DeliveryEvent,
  { stream, recordedAt }: { readonly stream: string; readonly recordedAt: Instant },
): DeliveryRow | undefined {
  if (event.type === 'NotificationAccepted') return row ?? newRow(event.data, stream, recordedAt);
  const { phase, reason = null, attempt = 0 } = effectOf(event);
  if (row === undefined || phase === undefined) return row;
  const dueAt = 'dueAt' in phase ? phase.dueAt : null;
  const attempts = Math.max(row.attempts, attempt);
  return { ...row, status: phase.status, dueAt, attempts, reason, changedAt: recordedAt };
}

function newRow(
  data: DeliveryEventData<'NotificationAccepted'>,
  stream: string,
  changedAt: Instant,
): DeliveryRow {
  const { notificationId, userId, triggerType, channel } = data;
  const { triggerId, previewId, requestedAt, expiresAt } = data;
  const about = { notificationId, stream, userId, triggerType, channel, triggerId, previewId };
  const times = { dueAt: requestedAt, requestedAt, expiresAt, changedAt };
  return { ...about, ...times, status: 'waiting', attempts: 0, reason: null };
}

// The list of deliveries: one row per record, for people who ask what became of what, and the users
// whose skipped deliveries are to be looked at again. It is made from the log and can be deleted.
import type { Instant } from '../../../domain/core/instants.ts';
import type { Position } from '../../../domain/core/positions.ts';
import type { DeliveryEvent } from '../../../domain/delivery/events.ts';
import { LEASE_MARGIN_MS } from '../../../domain/delivery/decide.ts';
import type { DeliveryStatus } from '../../../domain/delivery/state.ts';
import type { EventRef } from '../../../projections/read-model.ts';

/** One delivery, as lists show it; the record itself has all of it. */
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
  /** Why it stands where it stands. */
  readonly reason: string | null;
  /** When it goes on by itself. */
  readonly dueAt: Instant | null;
  readonly requestedAt: Instant;
  readonly expiresAt: Instant;
};

/** A row with its place in the list; later ones are newer. */
export type ListedDelivery = DeliveryRow & { readonly number: number };

export type DeliveryQuery = {
  readonly userId?: string | undefined;
  readonly status?: DeliveryStatus | undefined;
  /** Only what is before this number: the last one of the page before. */
  readonly before?: number | undefined;
  readonly limit: number;
};

/** Reading needs no ownership. */
export interface DeliveryIndexReader extends Disposable {
  get(notificationId: string): DeliveryRow | undefined;
  /** The newest first. */
  list(query: DeliveryQuery): readonly ListedDelivery[];
  counts(): Readonly<Partial<Record<DeliveryStatus, number>>>;
}

/** A user whose skipped deliveries may go now, and since when. */
export type RedriveMark = { readonly userId: string; readonly since: bigint };

export interface DeliveryIndex extends DeliveryIndexReader {
  /** Everything up to here is in the rows; `undefined` before the first commit. */
  position(): Position | undefined;
  lastEvent(): EventRef | undefined;
  /** One transaction; rows replace those of the same id, marks those of the same user. */
  commit(step: {
    readonly position: Position;
    readonly lastEvent?: EventRef | undefined;
    readonly rows: readonly DeliveryRow[];
    readonly marks: readonly RedriveMark[];
  }): void;
  marks(limit: number): readonly RedriveMark[];
  /** Takes a mark away, unless a newer one has replaced it. */
  unmark(mark: RedriveMark): void;
}

/** The row after an event of its record; `undefined` when nothing was accepted yet. */
export function rowAfter(
  row: DeliveryRow | undefined,
  event: DeliveryEvent,
  stream: string,
): DeliveryRow | undefined {
  if (event.type === 'NotificationAccepted') {
    const { notificationId, userId, triggerType, channel } = event.data;
    const { triggerId, previewId, requestedAt, expiresAt } = event.data;
    const about = { notificationId, stream, userId, triggerType, channel, triggerId, previewId };
    const times = { dueAt: requestedAt, requestedAt, expiresAt };
    return row ?? { ...about, ...times, status: 'waiting', attempts: 0, reason: null };
  }
  if (row === undefined) return undefined;
  const ended = (status: DeliveryStatus, reason: string | undefined): DeliveryRow => ({
    ...row,
    status,
    reason: reason ?? null,
    dueAt: null,
  });
  switch (event.type) {
    case 'AttemptStarted': {
      const { attempt: attempts, leaseUntil } = event.data;
      const dueAt = leaseUntil + LEASE_MARGIN_MS;
      return { ...row, status: 'attempting', attempts, reason: null, dueAt };
    }
    case 'AttemptSucceeded':
      return ended('delivered', event.data.code);
    case 'AttemptFailed':
    case 'AttemptOutcomeUnknown': {
      const { nextAt, code: reason } = event.data;
      return nextAt === undefined ? row : { ...row, status: 'waiting', reason, dueAt: nextAt };
    }
    case 'DeliveryDeferred': {
      const { until: dueAt, reason } = event.data;
      return { ...row, status: 'waiting', reason, dueAt };
    }
    case 'DeliverySkipped':
      return ended('skipped', event.data.reason);
    case 'DeliveryDied':
      return ended('dead', event.data.reason);
    case 'DeliveryExpired':
      return ended('expired', 'expired');
    case 'DeliveryCancelled':
      return ended('cancelled', event.data.reason);
    case 'DeliveryRedriven':
      return { ...row, status: 'waiting', reason: event.data.reason, dueAt: 0 };
  }
}

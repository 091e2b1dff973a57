// What each event of a delivery means. State, lists, due times, dedupe windows and reports read it from
// here, so that they cannot disagree.
import type { Instant } from '../core/instants.ts';
import type { DeliveryEvent, DeliveryEventData } from './events.ts';

/** Room for clocks that differ: a lease counts as expired this long, in milliseconds, after its end. */
export const LEASE_MARGIN_MS = 10_000;

/**
 * Where a delivery stands. `waiting` and `attempting` continue at `dueAt`; all other phases are ends,
 * which only a redrive or a late outcome changes.
 */
export type DeliveryPhase =
  | { readonly status: 'waiting'; readonly dueAt: Instant }
  | { readonly status: 'attempting'; readonly dueAt: Instant; readonly attempt: number }
  | { readonly status: 'delivered'; readonly attempt: number }
  | { readonly status: 'skipped' | 'dead' | 'expired' | 'cancelled' };

export type DeliveryStatus = DeliveryPhase['status'];

/** Every status, for lists and options. */
export const DELIVERY_STATUSES = [
  'waiting',
  'attempting',
  'delivered',
  'skipped',
  'dead',
  'expired',
  'cancelled',
] as const satisfies readonly DeliveryStatus[];

export type DeliveryEffect = {
  /** The phase after the event; `undefined`: the event does not change the phase. */
  readonly phase?: DeliveryPhase | undefined;
  /** Why the delivery is in this phase: a stable code, or an operator's reason for a redrive. */
  readonly reason?: string | undefined;
  readonly detail?: string | undefined;
  /** The attempt that the event is about. */
  readonly attempt?: number | undefined;
  /** True when the message may have been sent although no success is recorded. */
  readonly doubtful?: boolean | undefined;
  /**
   * The dedupe window of the notification: `released` for others, or `taken` again. A skipped delivery
   * keeps its window, because it is redriven when its channel is configured.
   */
  readonly window?: 'released' | 'taken' | undefined;
};

/** The types of the events that can have {@link DeliveryEffect.window}. */
export const WINDOW_EVENT_TYPES: ReadonlySet<string> = new Set<DeliveryEvent['type']>([
  'DeliveryDied',
  'DeliveryExpired',
  'DeliveryCancelled',
  'DeliveryRedriven',
]);

export function effectOf({ type, data }: DeliveryEvent): DeliveryEffect {
  switch (type) {
    case 'NotificationAccepted':
      return { phase: { status: 'waiting', dueAt: data.requestedAt } };
    case 'AttemptStarted': {
      const { attempt, leaseUntil } = data;
      const phase = { status: 'attempting', attempt, dueAt: leaseUntil + LEASE_MARGIN_MS } as const;
      return { phase, attempt };
    }
    case 'AttemptSucceeded': {
      const { attempt, code: reason } = data;
      return { phase: { status: 'delivered', attempt }, reason, attempt };
    }
    case 'AttemptFailed':
      return { ...retryAfter(data), doubtful: data.suspect };
    case 'AttemptOutcomeUnknown':
      return { ...retryAfter(data), doubtful: true };
    case 'DeliveryDeferred': {
      const { until, reason, detail, attempt } = data;
      return { phase: { status: 'waiting', dueAt: until }, reason, detail, attempt };
    }
    case 'DeliverySkipped':
      return { phase: { status: 'skipped' }, reason: data.reason };
    case 'DeliveryDied': {
      const { reason, detail, doubtful } = data;
      return { phase: { status: 'dead' }, reason, detail, ...releasedUnless(doubtful) };
    }
    case 'DeliveryExpired':
      return { phase: { status: 'expired' }, reason: 'expired', ...releasedUnless(data.doubtful) };
    case 'DeliveryCancelled': {
      const { reason, doubtful } = data;
      const released = doubtful === undefined ? {} : releasedUnless(doubtful);
      return { phase: { status: 'cancelled' }, reason, ...released };
    }
    case 'DeliveryRedriven':
      return { phase: { status: 'waiting', dueAt: 0 }, reason: data.reason, window: 'taken' };
  }
}

function retryAfter({
  attempt,
  nextAt,
  code: reason,
  detail,
}: DeliveryEventData<'AttemptFailed' | 'AttemptOutcomeUnknown'>): DeliveryEffect {
  // Without `nextAt` the next event says what follows, or the attempt was replaced long ago.
  if (nextAt === undefined) return { attempt };
  return { phase: { status: 'waiting', dueAt: nextAt }, reason, detail, attempt };
}

/** A notification that may have reached the person keeps its window. */
function releasedUnless(doubtful: boolean): DeliveryEffect {
  return { doubtful, window: doubtful ? undefined : 'released' };
}

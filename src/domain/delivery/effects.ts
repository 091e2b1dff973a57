// What each event of a delivery means. State, lists, due times, dedupe windows and reports read it from
// here, so that they cannot disagree.
import { match } from 'ts-pattern';
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
  'DeliveryRedriven',
]);

export function effectOf(event: DeliveryEvent): DeliveryEffect {
  return match(event)
    .returnType<DeliveryEffect>()
    .with({ type: 'NotificationAccepted' }, ({ data }) => ({
      phase: { status: 'waiting', dueAt: data.requestedAt },
    }))
    .with({ type: 'AttemptStarted' }, ({ data: { attempt, leaseUntil } }) => ({
      phase: { status: 'attempting', attempt, dueAt: leaseUntil + LEASE_MARGIN_MS },
      attempt,
    }))
    .with({ type: 'AttemptSucceeded' }, ({ data: { attempt, code: reason } }) => ({
      phase: { status: 'delivered', attempt },
      reason,
      attempt,
    }))
    .with({ type: 'AttemptFailed' }, ({ data }) => ({
      ...retryAfter(data),
      doubtful: data.suspect,
    }))
    .with({ type: 'AttemptOutcomeUnknown' }, ({ data }) => ({
      ...retryAfter(data),
      doubtful: true,
    }))
    .with({ type: 'DeliveryDeferred' }, ({ data: { until, reason, detail, attempt } }) => ({
      phase: { status: 'waiting', dueAt: until },
      reason,
      detail,
      attempt,
    }))
    .with({ type: 'DeliverySkipped' }, ({ data: { reason } }) => ({
      phase: { status: 'skipped' },
      reason,
    }))
    .with({ type: 'DeliveryDied' }, ({ data: { reason, detail, doubtful } }) => ({
      phase: { status: 'dead' },
      reason,
      detail,
      doubtful,
      window: releasedUnless(doubtful),
    }))
    .with({ type: 'DeliveryExpired' }, ({ data: { doubtful } }) => ({
      phase: { status: 'expired' },
      reason: 'expired',
      doubtful,
      window: releasedUnless(doubtful),
    }))
    .with({ type: 'DeliveryCancelled' }, ({ data: { reason } }) => ({
      phase: { status: 'cancelled' },
      reason,
    }))
    .with({ type: 'DeliveryRedriven' }, ({ data: { reason } }) => ({
      phase: { status: 'waiting', dueAt: 0 },
      reason,
      window: 'taken',
    }))
    .exhaustive();
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
function releasedUnless(doubtful: boolean): 'released' | undefined {
  return doubtful ? undefined : 'released';
}

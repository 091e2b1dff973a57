// The state of a delivery, folded from its events.
import { match, P } from 'ts-pattern';
import type { Instant } from '../core/instants.ts';
import { effectOf, type DeliveryPhase } from './effects.ts';
import type { DeliveryEvent, DeliveryEventData } from './events.ts';

export type Delivery = {
  readonly facts: DeliveryEventData<'NotificationAccepted'>;
  readonly phase: DeliveryPhase;
  /** The number of the last attempt; numbers are never used again. */
  readonly attempts: number;
  /** Attempts that count, since the last redrive. */
  readonly used: number;
  /** Throttled calls, since the last redrive. */
  readonly throttles: number;
  /** Answers that could not be read, since the last redrive. */
  readonly suspects: number;
  /** The code of the last failure, when nothing but deferrals came after it. */
  readonly failedWith: string | undefined;
  /** The last attempt, until its outcome is recorded. */
  readonly open: { readonly attempt: number; readonly leaseUntil: Instant } | undefined;
  /** Attempts whose outcome is unknown or suspect. */
  readonly doubtful: readonly number[];
  readonly redrives: number;
  /** Why the delivery is in its phase: a stable code, or an operator's reason. */
  readonly reason: string | undefined;
  readonly detail: string | undefined;
};

/** `undefined`: nothing was accepted. */
export type DeliveryState = Delivery | undefined;

/** Total: an event that makes no sense in this state changes nothing. */
export function evolveDelivery(state: DeliveryState, event: DeliveryEvent): DeliveryState {
  const { phase, reason, detail } = effectOf(event);
  if (event.type === 'NotificationAccepted') return state ?? accepted(event.data, phase);
  if (state === undefined) return undefined;
  const counted = countAttempts(state, event);
  return phase === undefined ? counted : { ...counted, phase, reason, detail };
}

/** True for an end: nothing happens any more without a redrive or a late outcome. */
export function hasEnded({ phase }: Delivery): boolean {
  return phase.status !== 'waiting' && phase.status !== 'attempting';
}

function accepted(
  facts: DeliveryEventData<'NotificationAccepted'>,
  phase: DeliveryPhase = { status: 'waiting', dueAt: facts.requestedAt },
): Delivery {
  return {
    facts,
    phase,
    attempts: 0,
    used: 0,
    throttles: 0,
    suspects: 0,
    failedWith: undefined,
    open: undefined,
    doubtful: [],
    redrives: 0,
    reason: undefined,
    detail: undefined,
  };
}

function countAttempts(
  state: Delivery,
  event: Exclude<DeliveryEvent, { type: 'NotificationAccepted' }>,
): Delivery {
  return match(event)
    .returnType<Delivery>()
    .with({ type: 'AttemptStarted' }, ({ data: { attempt, leaseUntil } }) => {
      const open = { attempt, leaseUntil };
      return { ...state, attempts: attempt, used: state.used + 1, open };
    })
    .with({ type: 'AttemptSucceeded' }, ({ data }) => close(state, data.attempt))
    .with({ type: 'AttemptFailed' }, ({ data: { attempt, code, suspect = false } }) => ({
      ...(suspect
        ? { ...doubt(state, attempt), suspects: state.suspects + 1 }
        : close(state, attempt)),
      failedWith: code,
    }))
    .with({ type: 'AttemptOutcomeUnknown' }, ({ data }) => ({
      ...doubt(state, data.attempt),
      failedWith: undefined,
    }))
    .with({ type: 'DeliveryDeferred' }, ({ data: { attempt } }) =>
      attempt !== undefined && attempt === state.open?.attempt
        ? { ...close(state, attempt), used: state.used - 1, throttles: state.throttles + 1 }
        : state,
    )
    .with(
      { type: P.union('DeliverySkipped', 'DeliveryDied', 'DeliveryExpired', 'DeliveryCancelled') },
      () => ({ ...state, open: undefined }),
    )
    .with({ type: 'DeliveryRedriven' }, () => ({
      ...state,
      used: 0,
      throttles: 0,
      suspects: 0,
      failedWith: undefined,
      redrives: state.redrives + 1,
    }))
    .exhaustive();
}

/** The outcome of the attempt is certain. */
function close(state: Delivery, attempt: number): Delivery {
  const doubtful = state.doubtful.filter((number) => number !== attempt);
  return { ...state, doubtful, open: state.open?.attempt === attempt ? undefined : state.open };
}

/** The attempt is over, and its outcome is not certain. */
function doubt(state: Delivery, attempt: number): Delivery {
  const closed = close(state, attempt);
  return { ...closed, doubtful: [...closed.doubtful, attempt] };
}

// What a delivery record's events amount to.
import { match } from 'ts-pattern';
import type { Instant } from '../core/instants.ts';
import type { DeliveryEvent, DeliveryEventData } from './events.ts';

/** An attempt that has begun and whose outcome is not in the record. */
export type OpenAttempt = { readonly attempt: number; readonly leaseUntil: Instant };

/**
 * Where a delivery stands. `waiting` and `attempting` go on by themselves; all others are ends, which
 * only a redrive or an outcome that comes late can change.
 */
export type DeliveryPhase =
  | { readonly status: 'waiting'; readonly dueAt: Instant }
  | { readonly status: 'attempting' }
  | { readonly status: 'delivered' | 'skipped' | 'dead' | 'expired' | 'cancelled' };

export type DeliveryStatus = DeliveryPhase['status'];

/** The record of one notice, from its acceptance on. */
export type Delivery = {
  readonly facts: DeliveryEventData<'NotificationAccepted'>;
  readonly phase: DeliveryPhase;
  /** The number of the last attempt; numbers are never used again. */
  readonly attempts: number;
  /** Attempts that count, since the last redrive. */
  readonly used: number;
  /** Answers that could not be read, since the last redrive. */
  readonly suspects: number;
  /** Present exactly while `attempting`. */
  readonly open: OpenAttempt | undefined;
  /** Attempts whose outcome nobody knows for certain. */
  readonly doubtful: readonly number[];
  readonly redrives: number;
  /** Why it stands where it stands: a stable code. */
  readonly reason: string | undefined;
  readonly detail: string | undefined;
};

/** `undefined`: nothing was accepted. */
export type DeliveryState = Delivery | undefined;

/** Total: an event that makes no sense here changes nothing. */
export function evolveDelivery(state: DeliveryState, event: DeliveryEvent): DeliveryState {
  if (event.type === 'NotificationAccepted') return state ?? accepted(event.data);
  if (state === undefined) return undefined;
  return match(event)
    .with({ type: 'AttemptStarted' }, ({ data }): Delivery => {
      const { attempt, leaseUntil } = data;
      const open = { attempt, leaseUntil };
      const counts = { attempts: attempt, used: state.used + 1 };
      return { ...state, ...counts, open, phase: { status: 'attempting' }, reason: undefined };
    })
    .with({ type: 'AttemptSucceeded' }, ({ data }): Delivery => {
      const { code: reason } = data;
      return { ...close(state, data.attempt), phase: { status: 'delivered' }, reason };
    })
    .with({ type: 'AttemptFailed' }, ({ data }): Delivery => {
      const { attempt, suspect = false } = data;
      const closed = suspect ? doubt(state, attempt) : close(state, attempt);
      const suspects = state.suspects + (suspect ? 1 : 0);
      return waitFor({ ...closed, suspects }, data);
    })
    .with({ type: 'AttemptOutcomeUnknown' }, ({ data }): Delivery =>
      waitFor(doubt(state, data.attempt), data),
    )
    .with({ type: 'DeliveryDeferred' }, ({ data }): Delivery => {
      const { attempt, until, reason, detail } = data;
      const isOpen = attempt !== undefined && attempt === state.open?.attempt;
      const closed = isOpen ? { ...close(state, attempt), used: state.used - 1 } : state;
      return { ...closed, phase: { status: 'waiting', dueAt: until }, reason, detail };
    })
    .with({ type: 'DeliverySkipped' }, ({ data }) => end(state, 'skipped', data.reason))
    .with({ type: 'DeliveryDied' }, ({ data }) => end(state, 'dead', data.reason, data.detail))
    .with({ type: 'DeliveryExpired' }, () => end(state, 'expired', 'expired'))
    .with({ type: 'DeliveryCancelled' }, ({ data }) => end(state, 'cancelled', data.reason))
    .with({ type: 'DeliveryRedriven' }, ({ data }): Delivery => {
      const { reason } = data;
      const fresh = { used: 0, suspects: 0, redrives: state.redrives + 1, detail: undefined };
      return { ...state, ...fresh, phase: { status: 'waiting', dueAt: 0 }, reason };
    })
    .exhaustive();
}

/** True for an end: nothing happens to it by itself any more. */
export function hasEnded(delivery: Delivery): boolean {
  const { status } = delivery.phase;
  return status !== 'waiting' && status !== 'attempting';
}

function accepted(facts: DeliveryEventData<'NotificationAccepted'>): Delivery {
  return {
    facts,
    phase: { status: 'waiting', dueAt: facts.requestedAt },
    attempts: 0,
    used: 0,
    suspects: 0,
    open: undefined,
    doubtful: [],
    redrives: 0,
    reason: undefined,
    detail: undefined,
  };
}

type Outcome = {
  readonly attempt: number;
  readonly code: string;
  readonly detail?: string | undefined;
  readonly nextAt?: Instant | undefined;
};

/** An outcome that says when to go on; one of an attempt that is over says nothing about the present. */
function waitFor(state: Delivery, { code, detail, nextAt }: Outcome): Delivery {
  if (nextAt === undefined) return state;
  return { ...state, phase: { status: 'waiting', dueAt: nextAt }, reason: code, detail };
}

/** The attempt's outcome is certain. */
function close(state: Delivery, attempt: number): Delivery {
  const doubtful = state.doubtful.filter((number) => number !== attempt);
  return { ...state, doubtful, open: state.open?.attempt === attempt ? undefined : state.open };
}

/** The attempt is over, and nobody knows what it did. */
function doubt(state: Delivery, attempt: number): Delivery {
  const closed = close(state, attempt);
  return { ...closed, doubtful: [...closed.doubtful, attempt] };
}

function end(
  state: Delivery,
  status: Exclude<DeliveryStatus, 'waiting' | 'attempting'>,
  reason: string,
  detail?: string,
): Delivery {
  return { ...state, phase: { status }, open: undefined, reason, detail };
}

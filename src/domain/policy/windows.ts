// The window kinds as pure functions of one list per (user, type): the notices, each with its two
// instants. Intervals are half-open, milliseconds are integers. Whether a notice was released is asked
// elsewhere: here a notice covers an instant or it does not.
import { match } from 'ts-pattern';
import { parse as uuidToBytes } from 'uuid';
import { uuidOf } from '../core/ids.ts';
import type { UserId } from '../core/identity.ts';
import type { Severity } from '../core/vocabulary.ts';
import type { Instant } from '../core/instants.ts';
import { tumblingWindowStart } from '../core/windows.ts';
import type { Policy } from './policy.ts';

/** The two instants that a policy may go by. */
export type Instants = { readonly requestedAt: Instant; readonly recordedAt: Instant };

/** What a policy knows about a notification that was let through. */
export type PastNotification = Instants & {
  readonly id: string;
  readonly severity: Severity | null;
  /** Let through because its severity had risen. */
  readonly bypass: boolean;
  /** It never reached the person, and counts as if it had never been sent. */
  readonly released: boolean;
  /** How often it was released; a redrive takes the window again but does not undo the count. */
  readonly releases: number;
  /** The latest instant of a request that its session held back; null where there was none. */
  readonly heldAt: Instant | null;
};

/** Whom a window belongs to. */
export type Subject = { readonly user: UserId; readonly triggerType: string };

/** Instants from `from` up to, but not including, `to`. */
export type Span = { readonly from: Instant; readonly to: Instant };

/** The instant that counts under a policy. */
export function instantOf(policy: Policy, instants: Instants): Instant {
  return policy.axis === 'requestedAt' ? instants.requestedAt : instants.recordedAt;
}

/**
 * Where the window begins that a request opens if it is let through. Only tumbling windows begin
 * before it.
 */
export function windowStartOf(policy: Policy, subject: Subject, at: Instant): Instant {
  return policy.kind === 'tumbling'
    ? tumblingWindowStart(at, policy.windowMs, phaseOf(policy, subject))
    : at;
}

/** True when a request at `at` falls into the notice's window. */
export function covers(
  policy: Policy,
  subject: Subject,
  notice: PastNotification,
  at: Instant,
): boolean {
  const then = instantOf(policy, notice);
  return match(policy)
    .with(
      { kind: 'tumbling' },
      () => windowStartOf(policy, subject, then) === windowStartOf(policy, subject, at),
    )
    .with({ kind: 'anchored' }, ({ windowMs }) => Math.abs(at - then) < windowMs)
    .with({ kind: 'rolling' }, ({ windowMs }) => at - windowMs < then && then <= at)
    .with({ kind: 'session' }, ({ gapMs, maxMs }) => {
      // A late request belongs to the session that it would have begun or joined.
      const last = Math.max(then, notice.heldAt ?? then);
      return then - gapMs < at && at < last + gapMs && at - then < maxMs;
    })
    .exhaustive();
}

/** How many notices in the window it takes to keep a request back. */
export function budgetOf(policy: Policy): number {
  return policy.kind === 'rolling' ? policy.count : 1;
}

/** The instants of notices that can bear on a request at `at`: all others need not be looked at. */
export function spanOf(policy: Policy, subject: Subject, at: Instant): Span {
  return match(policy)
    .with({ kind: 'tumbling' }, ({ windowMs }) => {
      const from = windowStartOf(policy, subject, at);
      return { from, to: from + windowMs };
    })
    .with({ kind: 'anchored' }, ({ windowMs }) => ({ from: at - windowMs + 1, to: at + windowMs }))
    .with({ kind: 'rolling' }, ({ windowMs }) => ({ from: at - windowMs + 1, to: at + 1 }))
    .with({ kind: 'session' }, ({ gapMs, maxMs }) => ({ from: at - maxMs + 1, to: at + gapMs }))
    .exhaustive();
}

/** The instants of notices that may share a window with a notice at `at`, on either side. */
export function neighbourhoodOf(policy: Policy, subject: Subject, at: Instant): Span {
  if (policy.kind === 'tumbling') return spanOf(policy, subject, at);
  const reach = policy.kind === 'session' ? policy.maxMs : policy.windowMs;
  return { from: at - reach + 1, to: at + reach };
}

const PHASE_BYTES = 6;

/** Spreads the windows of many users over time: a number of the user and type alone. */
function phaseOf(policy: Policy & { readonly kind: 'tumbling' }, subject: Subject): number {
  const { phase, windowMs } = policy;
  if (phase !== 'keyHash') return phase;
  const bytes = uuidToBytes(uuidOf('phase', subject.user, subject.triggerType));
  let number = 0;
  for (const byte of bytes.subarray(0, PHASE_BYTES)) number = number * 256 + byte;
  return number % windowMs;
}

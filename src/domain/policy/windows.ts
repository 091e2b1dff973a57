// The kinds of windows, as functions of the notifications of one user and type. Intervals are half-open,
// milliseconds are integers. Under a policy per target, only notifications about the same target count. These
// functions ignore releases: a window covers an instant or not.
import { match } from 'ts-pattern';
import { parse as uuidToBytes } from 'uuid';
import { uuidOf } from '../core/ids.ts';
import type { UserId } from '../core/identity.ts';
import type { Severity } from '../core/severity.ts';
import type { Instant } from '../core/instants.ts';
import { tumblingWindowStart } from '../core/windows.ts';
import type { Axis, Policy } from './policy.ts';

/** The two instants of a request; a policy uses one of them. */
export type Instants = { readonly requestedAt: Instant; readonly recordedAt: Instant };

/** What a notification is about. */
export type Target = { readonly targetType: string; readonly targetId: string };

/** The facts of a published notification that policies use. */
export type PastNotification = Instants &
  Target & {
    readonly id: string;
    readonly severity: Severity | null;
    /** Published because its severity had risen. */
    readonly bypass: boolean;
    /** It never reached the person and does not count. */
    readonly released: boolean;
    /** How often it was released; a redrive holds the window again and keeps this count. */
    readonly releases: number;
    /** The latest instant of a request that its session suppressed; null where there was none. */
    readonly heldAt: Instant | null;
  };

export type Subject = Target & { readonly user: UserId; readonly triggerType: string };

/** Instants from `from` up to, but not including, `to`. */
export type Span = { readonly from: Instant; readonly to: Instant };

/** The instant by which a policy goes; without windows it only says when the request happened. */
export function axisOf(policy: Policy): Axis {
  return policy.kind === 'none' ? 'requestedAt' : policy.axis;
}

export function instantOf(policy: Policy, instants: Instants): Instant {
  return axisOf(policy) === 'requestedAt' ? instants.requestedAt : instants.recordedAt;
}

/** True for a policy whose windows belong to one target each. */
export function isPerTarget(policy: Policy): boolean {
  return policy.kind !== 'none' && policy.per === 'target';
}

/** The start of the window that a request opens. Only tumbling windows start before the request. */
export function windowStartOf(policy: Policy, subject: Subject, at: Instant): Instant {
  return policy.kind === 'tumbling'
    ? tumblingWindowStart(at, policy.windowMs, phaseOf(policy, subject))
    : at;
}

/** Answers whether a notification shares a window with a request at `at`: made once for each request. */
export function coverageOf(
  policy: Policy,
  subject: Subject,
  at: Instant,
): (past: PastNotification) => boolean {
  const covers = windowAt(policy, subject, at);
  return isPerTarget(policy) ? (past) => isSameTarget(subject, past) && covers(past) : covers;
}

function windowAt(
  policy: Policy,
  subject: Subject,
  at: Instant,
): (past: PastNotification) => boolean {
  const then = (past: PastNotification): Instant => instantOf(policy, past);
  return match(policy)
    .with({ kind: 'tumbling' }, () => {
      const start = windowStartOf(policy, subject, at);
      return (past: PastNotification) => windowStartOf(policy, subject, then(past)) === start;
    })
    .with(
      { kind: 'anchored' },
      ({ windowMs }) =>
        (past: PastNotification) =>
          Math.abs(at - then(past)) < windowMs,
    )
    .with({ kind: 'rolling' }, ({ windowMs, axis }) => {
      const [from, to] = [at - windowMs, rollingEnd(axis, windowMs, at)];
      return (past: PastNotification) => from < then(past) && then(past) < to;
    })
    .with({ kind: 'session' }, ({ gapMs, maxMs }) => (past: PastNotification) => {
      // A late request belongs to the session that it would have started or extended.
      const first = then(past);
      const last = Math.max(first, past.heldAt ?? first);
      return first - gapMs < at && at < last + gapMs && at - first < maxMs;
    })
    .with({ kind: 'none' }, () => () => false)
    .exhaustive();
}

/**
 * On `recordedAt`, notifications that are stamped later count too: the clock of another kernel was ahead, but they
 * come before the request in the log. On `requestedAt`, later notifications happened later.
 */
function rollingEnd(axis: Axis, windowMs: number, at: Instant): Instant {
  return axis === 'recordedAt' ? at + windowMs : at + 1;
}

function isSameTarget(a: Target, b: Target): boolean {
  return a.targetId === b.targetId && a.targetType === b.targetType;
}

/** The number of notifications in a window that suppress the next request. */
export function budgetOf(policy: Policy): number {
  return policy.kind === 'rolling' ? policy.count : 1;
}

/** The instants of all notifications that can affect a request at `at`. */
export function spanOf(policy: Policy, subject: Subject, at: Instant): Span {
  return match(policy)
    .with({ kind: 'tumbling' }, ({ windowMs }) => {
      const from = windowStartOf(policy, subject, at);
      return { from, to: from + windowMs };
    })
    .with({ kind: 'anchored' }, ({ windowMs }) => ({ from: at - windowMs + 1, to: at + windowMs }))
    .with({ kind: 'rolling' }, ({ windowMs, axis }) => ({
      from: at - windowMs + 1,
      to: rollingEnd(axis, windowMs, at),
    }))
    .with({ kind: 'session' }, ({ gapMs, maxMs }) => ({ from: at - maxMs + 1, to: at + gapMs }))
    .with({ kind: 'none' }, () => ({ from: at, to: at }))
    .exhaustive();
}

/** The instants of all notifications that may share a window with one at `at`, before and after it. */
export function neighbourhoodOf(policy: Policy, subject: Subject, at: Instant): Span {
  if (policy.kind === 'tumbling' || policy.kind === 'none') return spanOf(policy, subject, at);
  const reach = policy.kind === 'session' ? policy.maxMs : policy.windowMs;
  return { from: at - reach + 1, to: at + reach };
}

const PHASE_BYTES = 6;

/** Spreads the windows of many users over time; depends on what a window belongs to, and on nothing else. */
function phaseOf(policy: Policy & { readonly kind: 'tumbling' }, subject: Subject): number {
  const { phase, windowMs } = policy;
  if (phase !== 'keyHash') return phase;
  const { user, triggerType, targetType, targetId } = subject;
  const key = isPerTarget(policy) ? [user, triggerType, targetType, targetId] : [user, triggerType];
  const bytes = uuidToBytes(uuidOf('phase', ...key));
  let number = 0;
  for (const byte of bytes.subarray(0, PHASE_BYTES)) number = number * 256 + byte;
  return number % windowMs;
}

export const MAX_RELEASES = 2;

/** True when an undelivered notification holds its window, and the window has releases left. */
export function mayRelease(
  policy: Policy,
  undelivered: PastNotification & Subject,
  sent: readonly PastNotification[],
): boolean {
  if (undelivered.released) return false;
  const sharesWindow = coverageOf(policy, undelivered, instantOf(policy, undelivered));
  const releases = sent
    .filter((other) => !isPerTarget(policy) || isSameTarget(undelivered, other))
    .filter(
      (other) =>
        sharesWindow(other) ||
        coverageOf(policy, undelivered, instantOf(policy, other))(undelivered),
    )
    .reduce((sum, other) => sum + other.releases, 0);
  return releases < MAX_RELEASES;
}

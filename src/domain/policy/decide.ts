// Decides one request for a notification under a policy.
import type { Instant } from '../core/instants.ts';
import type { PublishedReason, SuppressedReason } from './reasons.ts';
import { severityRank, type Severity } from '../core/severity.ts';
import type { Policy, WindowPolicy } from './policy.ts';
import {
  budgetOf,
  coverageOf,
  instantOf,
  windowStartOf,
  type Instants,
  type PastNotification,
  type Subject,
} from './windows.ts';

export type PolicyRequest = Instants & Subject & { readonly severity: Severity | null };

export type PolicyDecision =
  | {
      readonly verdict: 'published';
      readonly reason: PublishedReason;
      /** The id of the notification that was bypassed or released; null where there is none. */
      readonly basis: string | null;
      readonly windowStart: Instant;
    }
  | {
      readonly verdict: 'suppressed';
      readonly reason: SuppressedReason;
      /** The id of the notification that holds the window; null for `silenced` and `stale`. */
      readonly basis: string | null;
      readonly windowStart: Instant;
      /** The notification whose session this request extends. */
      readonly extended: PastNotification | null;
    };

/** Decides a request by the notifications of the same user and type; `silenced`: the type is muted. */
export function decideNotification(
  policy: Policy,
  request: PolicyRequest,
  sent: readonly PastNotification[],
  silenced: boolean,
): PolicyDecision {
  const at = instantOf(policy, request);
  const windowStart = windowStartOf(policy, request, at);
  if (silenced) return suppressed('silenced', windowStart);
  if (isStale(policy, request)) return suppressed('stale', windowStart);
  if (policy.kind === 'none') return published('no_window', windowStart);
  const near = sent.filter(coverageOf(policy, request, at));
  if (near.length === 0) return published('first_in_window', windowStart);
  const holding = near.filter(({ released }) => !released);
  const budget = budgetOf(policy);
  if (holding.length < budget) {
    if (near.length >= budget) {
      const released = near.filter((past) => past.released);
      return published('reopened', windowStart, latest(policy, released).id);
    }
    return published(holding.length > 0 ? 'within_budget' : 'first_in_window', windowStart);
  }
  const holder = latest(policy, holding);
  const rose = hasRisen(policy, request, holding);
  if (rose === 'bypasses') return published('severity_rose', windowStart, holder.id);
  return {
    verdict: 'suppressed',
    reason: rose === 'capped' ? 'bypass_cap' : reasonOf(policy),
    basis: holder.id,
    windowStart: startOf(policy, holder, windowStart),
    extended: policy.kind === 'session' && lastOf(policy, holder) < at ? holder : null,
  };
}

function isStale({ staleAfterMs }: Policy, { requestedAt, recordedAt }: Instants): boolean {
  return staleAfterMs !== undefined && recordedAt - requestedAt > staleAfterMs;
}

function hasRisen(
  { bypasses }: WindowPolicy,
  { severity }: PolicyRequest,
  holding: readonly PastNotification[],
): 'no' | 'capped' | 'bypasses' {
  if (bypasses === undefined) return 'no';
  const rank = severityRank(severity);
  if (holding.some((past) => severityRank(past.severity) >= rank)) return 'no';
  return holding.filter(({ bypass }) => bypass).length < bypasses ? 'bypasses' : 'capped';
}

function reasonOf({ kind }: Policy): SuppressedReason {
  return kind === 'rolling' ? 'rate_budget' : 'within_window';
}

/** The window of a suppressed request. Anchored windows and sessions begin with a notification. */
function startOf(policy: Policy, holder: PastNotification, own: Instant): Instant {
  return policy.kind === 'anchored' || policy.kind === 'session' ? instantOf(policy, holder) : own;
}

function lastOf(policy: Policy, past: PastNotification): Instant {
  return Math.max(instantOf(policy, past), past.heldAt ?? 0);
}

/** The notification with the latest instant; the id decides between equals, so that order has no effect. */
function latest(policy: Policy, list: readonly PastNotification[]): PastNotification {
  return list.reduce((best, past) => {
    const difference = instantOf(policy, past) - instantOf(policy, best);
    return difference > 0 || (difference === 0 && past.id > best.id) ? past : best;
  });
}

function published(
  reason: PublishedReason,
  windowStart: Instant,
  basis: string | null = null,
): PolicyDecision {
  return { verdict: 'published', reason, basis, windowStart };
}

function suppressed(reason: 'silenced' | 'stale', windowStart: Instant): PolicyDecision {
  return { verdict: 'suppressed', reason, basis: null, windowStart, extended: null };
}

// What a policy decides about one request for a notification. Pure: everything it stands on is handed in.
import type { Instant } from '../core/instants.ts';
import type { PublishedReason, SuppressedReason } from './reasons.ts';
import { severityRank, type Severity } from '../core/vocabulary.ts';
import type { Policy } from './policy.ts';
import {
  budgetOf,
  covers,
  instantOf,
  windowStartOf,
  type Instants,
  type PastNotification,
  type Subject,
} from './windows.ts';

/** A request as policies see it. */
export type PolicyRequest = Instants & Subject & { readonly severity: Severity | null };

/** What was decided, and on what it stands. */
export type PolicyDecision =
  | {
      readonly verdict: 'published';
      readonly reason: PublishedReason;
      /** The notice that was bypassed, or that was released; null where there is none. */
      readonly basis: string | null;
      readonly windowStart: Instant;
    }
  | {
      readonly verdict: 'suppressed';
      readonly reason: SuppressedReason;
      /** The notice that holds the window; null where it was no notice that kept it back. */
      readonly basis: string | null;
      readonly windowStart: Instant;
      /** The notice whose session now lasts until this request. */
      readonly extended: PastNotification | null;
    };

/**
 * Decides a request.
 *
 * @param notices the notices of the same user and type, mock or live as the request is; at least those
 *   within `spanOf(policy, …)`, in any order
 * @param silenced whether the type is muted at the request's own instant
 */
export function decideNotification(
  policy: Policy,
  request: PolicyRequest,
  notices: readonly PastNotification[],
  silenced: boolean,
): PolicyDecision {
  const at = instantOf(policy, request);
  const windowStart = windowStartOf(policy, request, at);
  if (silenced) return keptBack('silenced', windowStart);
  if (isStale(policy, request)) return keptBack('stale', windowStart);
  const near = notices.filter((notice) => covers(policy, request, notice, at));
  if (near.length === 0) return letThrough('first_in_window', windowStart);
  const holding = near.filter(({ released }) => !released);
  const budget = budgetOf(policy);
  if (holding.length < budget) {
    if (near.length >= budget) {
      const dead = latest(
        policy,
        near.filter(({ released }) => released),
      );
      return letThrough('reopened', windowStart, dead.id);
    }
    return letThrough(holding.length > 0 ? 'within_budget' : 'first_in_window', windowStart);
  }
  const holder = latest(policy, holding);
  const rose = hasRisen(policy, request, holding);
  if (rose === 'bypasses') return letThrough('severity_rose', windowStart, holder.id);
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
  { bypasses }: Policy,
  { severity }: PolicyRequest,
  holding: readonly PastNotification[],
): 'no' | 'capped' | 'bypasses' {
  if (bypasses === undefined) return 'no';
  const rank = severityRank(severity);
  if (holding.some((notice) => severityRank(notice.severity) >= rank)) return 'no';
  return holding.filter(({ bypass }) => bypass).length < bypasses ? 'bypasses' : 'capped';
}

function reasonOf({ kind }: Policy): SuppressedReason {
  return kind === 'rolling' ? 'rate_budget' : 'within_window';
}

/** The window that a suppressed request falls into: an anchored one and a session begin with a notice. */
function startOf(policy: Policy, holder: PastNotification, own: Instant): Instant {
  return policy.kind === 'anchored' || policy.kind === 'session' ? instantOf(policy, holder) : own;
}

/** The latest instant of a session. */
function lastOf(policy: Policy, notice: PastNotification): Instant {
  return Math.max(instantOf(policy, notice), notice.heldAt ?? 0);
}

/** The notice with the latest instant; by id where two have the same, so that the list's order is nothing. */
function latest(policy: Policy, notices: readonly PastNotification[]): PastNotification {
  return notices.reduce((best, notice) => {
    const difference = instantOf(policy, notice) - instantOf(policy, best);
    return difference > 0 || (difference === 0 && notice.id > best.id) ? notice : best;
  });
}

function letThrough(
  reason: PublishedReason,
  windowStart: Instant,
  basis: string | null = null,
): PolicyDecision {
  return { verdict: 'published', reason, basis, windowStart };
}

function keptBack(reason: 'silenced' | 'stale', windowStart: Instant): PolicyDecision {
  return { verdict: 'suppressed', reason, basis: null, windowStart, extended: null };
}

// An apply: the host writes the changes of a confirmed preview. The process that appends `ApplyStarted`
// holds the apply until its lease ends; after that another process may continue it under the same id.
import type { TargetId, UserId } from '../core/identity.ts';
import type { Instant } from '../core/instants.ts';
import type { Json } from '../core/json.ts';
import type { Change } from './candidates.ts';
import type { PreviewEvent } from './events.ts';
import {
  applyFailed,
  applyStarted,
  applySucceeded,
  previewEnded,
  type Offered,
} from './offered.ts';
import { openApply, type Apply } from './state.ts';

/** What the host is asked to write. */
export type ApplyRequest = {
  /** The same for all attempts: the host answers a repeat as it answered the first. */
  readonly applyId: string;
  readonly previewId: string;
  readonly triggerId: string;
  readonly userId: UserId;
  readonly triggerType: string;
  readonly targetType: string;
  readonly targetId: TargetId;
  readonly candidateId: string;
  /** The candidate's changes with the edits of the confirmation. */
  readonly changes: readonly Change[];
  /** A hash of the facts that the candidates rest on; refuse with `base_version_changed` when it differs. */
  readonly baseVersion?: string | undefined;
  readonly snapshot?: Json | undefined;
};

/** The host's answer. */
export type ApplyOutcome =
  /** All changes are written. */
  | { readonly outcome: 'applied'; readonly eventIds: readonly (string | number)[] }
  /** No change is written: a stable code in snake_case, and a detail for people without secrets. */
  | { readonly outcome: 'refused'; readonly code: string; readonly detail?: string };

/** How long one attempt to apply belongs to the process that began it. */
export const APPLY_LEASE_MS = 15_000;

/** Clocks differ: other processes wait this much longer before they continue an open apply. */
export const APPLY_MARGIN_MS = 10_000;

/** After so many attempts without an answer the apply ends as `outcome_unknown`. */
export const MAX_APPLY_ATTEMPTS = 5;

export type ApplyAnswer =
  /** Call the host now. */
  | { readonly kind: 'apply'; readonly apply: Apply; readonly offered: Offered }
  /** Another process is applying it. */
  | { readonly kind: 'wait'; readonly apply: Apply }
  /** It has ended, now or before. */
  | { readonly kind: 'finished'; readonly apply: Apply };

export type Decided<A> = { readonly events: readonly PreviewEvent[]; readonly answer: A };

/** Decides about an apply that another process left open: continue it, or give it up. */
export function decideContinueApply(
  offered: Offered | undefined,
  { hasPort }: { readonly hasPort: boolean },
  { recordedAt }: { readonly recordedAt: Instant },
): Decided<ApplyAnswer | undefined> {
  const apply = offered && openApply(offered.preview);
  if (offered === undefined || apply === undefined) return { events: [], answer: undefined };
  return continueApply(offered, apply, hasPort, recordedAt);
}

/** Continues an open apply once its lease and the margin are over. */
export function continueApply(
  offered: Offered,
  apply: Apply,
  hasPort: boolean,
  recordedAt: Instant,
): Decided<ApplyAnswer> {
  if (recordedAt < apply.leaseUntil + APPLY_MARGIN_MS) {
    return { events: [], answer: { kind: 'wait', apply } };
  }
  const { attempt } = apply;
  if (!hasPort || attempt >= MAX_APPLY_ATTEMPTS) {
    const code = 'outcome_unknown';
    const answer = { kind: 'finished', apply: { ...apply, status: 'failed', code } } as const;
    return { events: [applyFailed(offered, apply, { code })], answer };
  }
  const again = { ...apply, attempt: attempt + 1, leaseUntil: recordedAt + APPLY_LEASE_MS };
  return {
    events: [applyStarted(offered, again)],
    answer: { kind: 'apply', apply: again, offered },
  };
}

/** Decides after the host's answer. `applied` counts also after the apply was given up: the changes are written. */
export function decideApplied(
  offered: Offered | undefined,
  { applyId, outcome }: { readonly applyId: string; readonly outcome: ApplyOutcome },
): Decided<Apply | undefined> {
  const apply = offered?.preview.applies.find((other) => other.applyId === applyId);
  if (offered === undefined || apply === undefined) return { events: [], answer: undefined };
  const wasGivenUp = apply.status === 'failed' && apply.code === 'outcome_unknown';
  const counts = apply.status === 'open' || (wasGivenUp && outcome.outcome === 'applied');
  if (!counts) return { events: [], answer: apply };
  if (outcome.outcome === 'refused') {
    const why = { code: outcome.code, detail: outcome.detail };
    const answer: Apply = { ...apply, status: 'failed', ...why };
    return { events: [applyFailed(offered, apply, why)], answer };
  }
  const appliedEventIds = outcome.eventIds.map(String);
  const wrote =
    appliedEventIds.length === 0 ? [] : [applySucceeded(offered, apply, appliedEventIds)];
  const isOver = offered.preview.ending !== undefined;
  const end = isOver ? [] : [previewEnded(offered, 'applied', { applyId })];
  return { events: [...wrote, ...end], answer: { ...apply, status: 'applied', appliedEventIds } };
}

// An apply from its beginning to its answer. One attempt at a time: it belongs to whoever appended its
// start, for the time of its lease; then others may carry it on, under the same apply id (W25).
import type { Instant } from '../core/instants.ts';
import type { ApplyOutcome } from '../ports/apply-preview.ts';
import type { TriggerEvent } from '../trigger/events.ts';
import type { TriggerState } from '../trigger/state.ts';
import {
  applyFailed,
  applyStarted,
  applySucceeded,
  offeredOf,
  previewEnded,
  type Offered,
} from './facts.ts';
import { openApply, type Apply } from './state.ts';

/** How long one attempt to apply belongs to whoever began it. */
export const APPLY_LEASE_MS = 15_000;

/** Clocks differ: others wait so much longer before they carry an open apply on. */
export const APPLY_MARGIN_MS = 10_000;

/** After so many attempts without an answer nobody knows what became of it, and that is the answer. */
export const MAX_APPLY_ATTEMPTS = 5;

/** What is to be done about an apply. */
export type ApplyAnswer =
  /** It is for the caller to apply it now. */
  | { readonly kind: 'apply'; readonly apply: Apply; readonly offered: Offered }
  /** Somebody else is applying it. */
  | { readonly kind: 'wait'; readonly apply: Apply }
  /** Over, now or before. */
  | { readonly kind: 'settled'; readonly apply: Apply };

export type Decided<A> = { readonly events: readonly TriggerEvent[]; readonly answer: A };

/** Decides what is done about an apply that somebody left open: it is carried on, or given up. */
export function decideCarryOn(
  state: TriggerState,
  command: { readonly occurrence: number; readonly hasPort: boolean },
  { recordedAt }: { readonly recordedAt: Instant },
): Decided<ApplyAnswer | undefined> {
  const offered = offeredOf(state, command.occurrence);
  const apply = offered && openApply(offered.preview);
  if (offered === undefined || apply === undefined) return { events: [], answer: undefined };
  return carryOn(offered, apply, command.hasPort, recordedAt);
}

/** An open apply, once its lease is long over, is for whoever comes next. */
export function carryOn(
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
    const answer = { kind: 'settled', apply: { ...apply, status: 'failed', code } } as const;
    return { events: [applyFailed(offered, apply, { code })], answer };
  }
  const again = { ...apply, attempt: attempt + 1, leaseUntil: recordedAt + APPLY_LEASE_MS };
  return {
    events: [applyStarted(offered, again)],
    answer: { kind: 'apply', apply: again, offered },
  };
}

/**
 * Decides what the host's answer leads to. A yes counts whenever it comes, also after others have given
 * the apply up: what is written in a timetable is written.
 */
export function decideApplied(
  state: TriggerState,
  command: {
    readonly occurrence: number;
    readonly applyId: string;
    readonly outcome: ApplyOutcome;
  },
): Decided<Apply | undefined> {
  const { applyId, outcome } = command;
  const offered = offeredOf(state, command.occurrence);
  const apply = offered?.preview.applies.find((one) => one.applyId === applyId);
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

// The decisions of an evaluation that comes after the raise. Each first checks that the occurrence still
// waits, because another worker may have ended it.
import { backoffCeilingMs, type Backoff } from '../core/backoff.ts';
import type { Evaluation } from './evaluation.ts';
import type { Instant } from '../core/instants.ts';
import type { TriggerEvent } from './events.ts';
import { outcomeOf, type OutcomeContext } from './outcome.ts';
import { occurrenceOf, type Occurrence, type TriggerState } from './state.ts';

/** Evaluations of one occurrence, at most; when the last fails, the occurrence is abandoned. */
export const MAX_EVALUATIONS = 20;

/** All waits together are about an hour; a later answer would be of no use. */
const RETRY: Backoff = { firstMs: 1_000, longestMs: 5 * 60 * 1_000 };

/** Milliseconds to wait after failed evaluation number `attempt`, from 1. */
export function evaluationRetryMs(attempt: number): number {
  return backoffCeilingMs(attempt - 1, RETRY);
}

/** The occurrence, if it waits for its evaluation. */
export function awaitingEvaluation(
  state: TriggerState,
  occurrence: number,
): Occurrence | undefined {
  const found = occurrenceOf(state, occurrence);
  return found?.status === 'pending' ? found : undefined;
}

/** Decides the events of an evaluation; none when the occurrence no longer waits. */
export function decideEvaluated(
  state: TriggerState,
  command: Omit<OutcomeContext, 'recordedAt'> & {
    readonly occurrence: number;
    readonly evaluation: Evaluation;
  },
  { recordedAt }: { readonly recordedAt: Instant },
): readonly TriggerEvent[] {
  const waiting = awaitingEvaluation(state, command.occurrence);
  if (waiting === undefined) return [];
  return outcomeOf(waiting.raised, command.evaluation, { ...command, recordedAt });
}

/** Decides the events of a failed evaluation: a retry, or the end. */
export function decideEvaluationFailed(
  state: TriggerState,
  command: {
    readonly occurrence: number;
    /** The number of the evaluation, from 1; a failure of an earlier evaluation changes nothing. */
    readonly attempt: number;
    readonly code: string;
    readonly detail?: string | undefined;
  },
  { recordedAt }: { readonly recordedAt: Instant },
): readonly TriggerEvent[] {
  const { occurrence, attempt, code, detail } = command;
  const waiting = awaitingEvaluation(state, occurrence);
  if (waiting === undefined || attempt !== (waiting.failures ?? 0) + 1) return [];
  const { triggerId } = waiting.raised;
  const id = { triggerId, occurrence };
  const failed = { ...id, attempt, code, personal: { detail } };
  if (attempt < MAX_EVALUATIONS) {
    const retryAt = recordedAt + evaluationRetryMs(attempt);
    return [{ type: 'TriggerEvaluationFailed', data: { ...failed, retryAt } }];
  }
  const reason = `its evaluation failed ${attempt} times`;
  return [
    { type: 'TriggerEvaluationFailed', data: failed },
    { type: 'TriggerAbandoned', data: { ...id, code, reason, attempts: attempt } },
  ];
}

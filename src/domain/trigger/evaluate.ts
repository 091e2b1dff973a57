// The decisions of an evaluation that comes after the raise. Every one looks first whether the trigger
// still waits: what another worker has ended is never ended again, and nothing undoes it (W17).
import type { Instant } from '../core/instants.ts';
import type { Evaluation } from '../ports/evaluator.ts';
import type { TriggerEvent } from './events.ts';
import { outcomeOf, type OutcomeContext } from './outcome.ts';
import { occurrenceOf, type Occurrence, type TriggerState } from './state.ts';

/** Evaluations of one occurrence; after the last that fails it is abandoned. */
export const MAX_EVALUATIONS = 20;

const FIRST_RETRY_MS = 1_000;
/** All waits together come to about an hour, which is as long as an answer would be of use. */
const LONGEST_RETRY_MS = 5 * 60 * 1_000;

/** How long to wait after the evaluation that failed as the `attempt`th, from 1. */
export function evaluationRetryMs(attempt: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** (attempt - 1), LONGEST_RETRY_MS);
}

/** The occurrence, while it waits for its evaluation. */
export function awaitingEvaluation(
  state: TriggerState,
  occurrence: number,
): Occurrence | undefined {
  const found = occurrenceOf(state, occurrence);
  return found?.status === 'pending' ? found : undefined;
}

/** Decides what an evaluation leads to; nothing, when the occurrence does not wait any more. */
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

/** Decides what a failed evaluation leads to: another later, or the end. */
export function decideEvaluationFailed(
  state: TriggerState,
  command: {
    readonly occurrence: number;
    /** Which evaluation it was, from 1; the failure of an earlier one changes nothing. */
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

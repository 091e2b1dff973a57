// Decides a raise. Time, ids and the evaluation are arguments.
import type { Instant } from '../core/instants.ts';
import { occurrenceId } from '../core/ids.ts';
import { rejection } from '../core/input.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { Evaluation } from './evaluation.ts';
import { MAX_AHEAD_MS, type RaiseRequest, type Rejection } from './commands.ts';
import type { TriggerDefinition } from './definitions.ts';
import type { TriggerEvent } from './events.ts';
import { outcomeOf, type OutcomeContext } from './decide-evaluation.ts';
import { isActive, occurrenceOf, type TriggerState } from './state.ts';

export type RaiseTrigger = {
  readonly request: RaiseRequest;
  readonly definition: Pick<TriggerDefinition, 'contract'>;
  readonly stream: string;
  readonly dedupeKey: string;
  /** `undefined` when the evaluation comes later; then only `TriggerRaised` is written. */
  readonly evaluation: Evaluation | undefined;
  /** The parts of the outcome of an evaluation. */
  readonly outcome: Omit<OutcomeContext, 'stream' | 'recordedAt'>;
  /** An idempotency key has claimed this occurrence: append exactly it, or nothing. */
  readonly claimed?: number;
  /** Write `DuplicateRaised` for a duplicate. */
  readonly recordDuplicates?: boolean;
};

/** The answer to a raise: its occurrence, and whether that existed before. */
export type Raised = { readonly occurrence: number; readonly duplicate: boolean };

export type RaiseDecision = { readonly events: readonly TriggerEvent[]; readonly answer: Raised };

export function decideRaise(
  state: TriggerState,
  command: RaiseTrigger,
  context: { readonly recordedAt: Instant },
): Result<RaiseDecision, Rejection> {
  const { request, claimed } = command;
  const count = state.occurrences.length;
  if (claimed !== undefined && claimed <= count) {
    return ok({ events: [], answer: { occurrence: claimed, duplicate: true } });
  }
  if (isActive(occurrenceOf(state))) {
    const events = command.recordDuplicates === true ? [duplicateRaised(command, count)] : [];
    return ok({ events, answer: { occurrence: count, duplicate: true } });
  }
  if (request.requestedAt > context.recordedAt + MAX_AHEAD_MS) {
    const message = `is more than ${MAX_AHEAD_MS / 60_000} minutes ahead of the clock`;
    return err(rejection('requested_at_in_future', 'requestedAt', message));
  }
  const answer = { occurrence: count + 1, duplicate: false };
  const events = raise(command, answer.occurrence, context.recordedAt);
  return events.ok ? ok({ events: events.value, answer }) : events;
}

function raise(
  command: RaiseTrigger,
  number: number,
  recordedAt: Instant,
): Result<readonly TriggerEvent[], Rejection> {
  const { request, evaluation, stream, dedupeKey } = command;
  const { payload, ...facts } = request;
  const id = { triggerId: occurrenceId('ast', stream, number), occurrence: number };
  const { contract } = command.definition;
  const named = contract === undefined ? {} : { contract };
  const data = { ...id, ...facts, dedupeKey, ...named, personal: { payload } };
  const raised: TriggerEvent = { type: 'TriggerRaised', data };
  if (evaluation === undefined) return ok([raised]);
  const outcome = outcomeOf(data, evaluation, { ...command.outcome, stream, recordedAt });
  return outcome.ok ? ok([raised, ...outcome.value]) : outcome;
}

function duplicateRaised(command: RaiseTrigger, occurrence: number): TriggerEvent {
  const { source, requestedAt } = command.request;
  const triggerId = occurrenceId('ast', command.stream, occurrence);
  return { type: 'DuplicateRaised', data: { triggerId, occurrence, source, requestedAt } };
}

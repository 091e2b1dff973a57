// The port to the host's evaluation of triggers.
import type { Instant } from '../core/instants.ts';
import type { RaiseRequest } from '../trigger/commands.ts';
import type { Evaluation } from '../trigger/evaluation.ts';

/**
 * Decides within the raise what a trigger leads to. It must be quick and call nothing outside the
 * process. An exception refuses the raise (`evaluator_failed`), as does anything but an evaluation (`evaluator_result`),
 * such as a promise; nothing is written.
 */
export type Evaluator = (request: RaiseRequest) => Evaluation;

/**
 * Decides after the raise what a trigger leads to; it may call other services and take its time. An
 * exception, no answer in time and anything but an evaluation are failures: the trigger is evaluated again with backoff. It may be called more than once
 * for one trigger, also by two workers at the same time; one answer counts.
 */
export type LaterEvaluator = (
  request: RaiseRequest,
  context: {
    /** The kernel's clock; the pretend time of a mock request is in the request. */
    readonly now: Instant;
    /** Aborted when no caller waits for the answer any more. */
    readonly signal: AbortSignal;
  },
) => Promise<Evaluation>;

// Given/when/then for triggers: from a client's input to the events of one stream.
import { parseInstant, type Instant } from '../../domain/core/instants.ts';
import { DEFAULT_KERNEL_NAME } from '../../domain/core/ids.ts';
import { err, ok, type Result } from '../../domain/core/result.ts';
import type { Evaluation } from '../../domain/trigger/evaluation.ts';
import type { Texts } from '../../domain/notification/texts.ts';
import { rejection } from '../../domain/core/input.ts';
import { parseRaise, type RaiseInput, type Rejection } from '../../domain/trigger/commands.ts';
import { decideRaise } from '../../domain/trigger/decide.ts';
import type { TriggerDefinition } from '../../domain/trigger/definitions.ts';
import type { TriggerEvent } from '../../domain/trigger/events.ts';
import { evolveTrigger, initialTrigger, type TriggerState } from '../../domain/trigger/state.ts';
import { scopeOf, triggerStream } from '../../domain/trigger/dedupe-scope.ts';
import { alwaysNotify } from '../raise/raise.ts';
import { givenOf } from './given.ts';

/** A raise. */
export type RaiseCommand = {
  readonly input: RaiseInput;
  /** The kernel's clock: RFC 3339 text, or milliseconds since the epoch. */
  readonly now: string | Instant;
  /** The evaluator's answer. Default: always notify. */
  readonly evaluation?: Evaluation;
  /** As the kernel has them. */
  readonly triggers: readonly TriggerDefinition[];
  /** As the kernel has them. */
  readonly texts: Texts;
  /** The occurrence that an idempotency key has claimed. */
  readonly claimed?: number;
  readonly recordDuplicates?: boolean;
};

/** `given(...events).when(command).then(...events)` for the decisions of a trigger's stream. */
export const given = givenOf<TriggerState, TriggerEvent, RaiseCommand, Rejection>({
  initial: initialTrigger,
  evolve: evolveTrigger,
  decide,
});

/** The trace id of commands without a trace id, where the kernel makes a random one. */
export const TEST_TRACE_ID = 'trace_given';

function decide(
  state: TriggerState,
  command: RaiseCommand,
): Result<readonly TriggerEvent[], Rejection> {
  const { texts, claimed, recordDuplicates = false } = command;
  const recordedAt = instantOf(command.now);
  const parsed = parseRaise(command.input, { now: recordedAt, traceId: TEST_TRACE_ID });
  if (!parsed.ok) return parsed;
  const request = parsed.value;
  const definition = command.triggers.findLast(({ type }) => type === request.triggerType);
  if (definition === undefined) {
    return err(rejection('unknown_trigger_type', 'triggerType', 'is not known'));
  }
  const scope = scopeOf(definition, request);
  const { dedupeKey } = scope;
  const stream = triggerStream(DEFAULT_KERNEL_NAME, request, scope);
  const evaluation = command.evaluation ?? alwaysNotify(texts)(request);
  const raise = { request, definition, stream, dedupeKey, evaluation, texts, recordDuplicates };
  const claim = claimed === undefined ? {} : { claimed };
  const decision = decideRaise(state, { ...raise, ...claim }, { recordedAt });
  return decision.ok ? ok(decision.value.events) : decision;
}

function instantOf(now: string | Instant): Instant {
  if (typeof now === 'number') return now;
  const parsed = parseInstant(now);
  if (!parsed.ok) throw new RangeError(`now ${parsed.error}`);
  return parsed.value;
}

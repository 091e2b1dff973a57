// Given/when/then for triggers: from a client's input to the events of one stream.
import { parseInstant, type Instant } from '../../domain/core/instants.ts';
import { DEFAULT_KERNEL_NAME } from '../../domain/core/ids.ts';
import { err, ok, type Result } from '../../domain/core/result.ts';
import type { Evaluation } from '../../domain/trigger/evaluation.ts';
import type { Texts } from '../../domain/notification/texts.ts';
import { rejectionWith } from '../../domain/core/input.ts';
import { ADDRESS_CHANNELS } from '../../domain/channel/address.ts';
import { outcomeParts } from '../../domain/trigger/outcome.ts';
import { type RaiseInput, type Rejection } from '../../domain/trigger/commands.ts';
import { decideRaise } from '../../domain/trigger/decide.ts';
import type { TriggerDefinition } from '../../domain/trigger/definitions.ts';
import type { TriggerEvent } from '../../domain/trigger/events.ts';
import { evolveTrigger, initialTrigger, type TriggerState } from '../../domain/trigger/state.ts';
import { scopeOf, triggerStream } from '../../domain/trigger/dedupe-scope.ts';
import { givenOf } from './given.ts';
import { parseRaise } from '../../domain/trigger/parse-raise.ts';
import { alwaysNotify } from '../raise/prepare.ts';

/** A raise. */
export type RaiseCommand = {
  readonly input: RaiseInput;
  /** The kernel's clock: RFC 3339 text, or milliseconds since the epoch. */
  readonly now: string | Instant;
  /** The evaluator's answer. Default: that of the definition's evaluator, else always notify. */
  readonly evaluation?: Evaluation;
  /** As the kernel has them. */
  readonly triggers: readonly TriggerDefinition[];
  /** As the kernel has them. */
  readonly texts?: Partial<Texts>;
  /** As the kernel has them. */
  readonly channel?: string;
  /** As the kernel has them. */
  readonly channels?: readonly string[];
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
  const { triggers, texts, channel, channels = ADDRESS_CHANNELS } = command;
  const { claimed, recordDuplicates = false } = command;
  const recordedAt = instantOf(command.now);
  const definitions = new Map(triggers.map((definition) => [definition.type, definition]));
  const defaults = { now: recordedAt, traceId: TEST_TRACE_ID };
  const parsed = parseRaise(command.input, definitions, defaults);
  if (!parsed.ok) return parsed;
  const { request, definition } = parsed.value;
  const bound = definition.bind(request.payload);
  if (bound instanceof Promise)
    throw new RangeError('given takes payload schemas that do not wait');
  if (!bound.ok) return err(rejectionWith('payload_invalid', bound.error));
  const notify = alwaysNotify({ ...texts, ...definition.texts });
  const evaluation = command.evaluation ?? (bound.value.evaluate ?? notify)(request);
  const of = { definition, bound: bound.value, channel: request.channel, evaluation };
  const outcome = outcomeParts(of, { texts, channel, channels: new Set(channels) });
  if (!outcome.ok) return outcome;
  const scope = scopeOf(definition, request);
  const { dedupeKey } = scope;
  const stream = triggerStream(DEFAULT_KERNEL_NAME, request, scope);
  const about = { request, definition, stream, dedupeKey, evaluation, recordDuplicates };
  const claim = claimed === undefined ? {} : { claimed };
  const raise = { ...about, ...claim, outcome: outcome.value };
  const decision = decideRaise(state, raise, { recordedAt });
  return decision.ok ? ok(decision.value.events) : decision;
}

function instantOf(now: string | Instant): Instant {
  if (typeof now === 'number') return now;
  const parsed = parseInstant(now);
  if (!parsed.ok) throw new RangeError(`now ${parsed.error}`);
  return parsed.value;
}

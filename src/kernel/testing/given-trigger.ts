// Given/when/then for triggers: from a client's input to the events of one stream.
import { AssertionError } from 'node:assert';
import { parseInstant, type Instant } from '../../domain/core/instants.ts';
import { DEFAULT_KERNEL_NAME } from '../../domain/core/ids.ts';
import { err, ok, type Result } from '../../domain/core/result.ts';
import type { Evaluation } from '../../domain/trigger/evaluation.ts';
import type { Texts } from '../../domain/notification/texts.ts';
import { rejectionWith } from '../../domain/core/input.ts';
import { ADDRESS_CHANNELS } from '../../domain/channel/address.ts';
import { outcomeParts } from '../../domain/trigger/outcome.ts';
import { type RaiseInput, type Rejection } from '../../domain/trigger/commands.ts';
import { decideRaise, type RaiseDecision } from '../../domain/trigger/decide.ts';
import type { TriggerDefinition } from '../../domain/trigger/definitions.ts';
import type { TriggerEvent } from '../../domain/trigger/events.ts';
import { evolveTrigger, initialTrigger, type TriggerState } from '../../domain/trigger/state.ts';
import { scopeOf, triggerStream } from '../../domain/trigger/dedupe-scope.ts';
import { assertions, type Then } from './given.ts';
import { parseRaise } from '../../domain/trigger/parse-raise.ts';
import type { Evaluator } from '../../domain/ports/evaluator.ts';
import type { RaiseFields } from '../open-kernel.ts';
import { alwaysNotify, checkedEvaluation, evaluated } from '../raise/prepare.ts';

/** A raise. */
export type RaiseCommand = {
  readonly input: Omit<RaiseInput, 'payload'> & { readonly payload?: unknown };
  /** The kernel's clock: RFC 3339 text, or milliseconds since the epoch. */
  readonly now: string | Instant;
  /** The evaluator's answer. Default: that of the definition's evaluator, else always notify. */
  readonly evaluation?: Evaluation;
  /** Evaluates types without an evaluator of their own, as the kernel's. */
  readonly evaluate?: Evaluator;
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

/** When raises of {@link raise} happen, unless they say otherwise. */
export const TEST_NOW = '2026-01-01T00:00:00Z';

/** What a raise in a test may say besides its input. */
export type RaiseOptions = Partial<
  Pick<
    RaiseCommand,
    'now' | 'evaluate' | 'evaluation' | 'texts' | 'channels' | 'claimed' | 'recordDuplicates'
  >
>;

/**
 * A raise of a definition's type: as a command, or before the command in `given`. The payload's schema and the
 * definition's evaluator are applied.
 *
 * @example
 * given(raise(invoiceOverdue, input)).when(raise(invoiceOverdue, input)).thenDuplicate();
 */
export function raise<Input>(
  definition: TriggerDefinition<Input>,
  input: RaiseFields<Input>,
  options: RaiseOptions = {},
): RaiseCommand {
  const { channel } = definition;
  const channels = channel === undefined ? ADDRESS_CHANNELS : [...ADDRESS_CHANNELS, channel];
  const command = { ...input, triggerType: definition.type };
  return { now: TEST_NOW, channels, ...options, input: command, triggers: [definition] };
}

/** The same as {@link raise}, for what happened before. */
export function raised<Input>(...given: Parameters<typeof raise<Input>>): RaiseCommand {
  return raise(...given);
}

/** The result of a raise in a test. */
export type ThenRaised = Then<TriggerEvent, Rejection['code']> & {
  /** A duplicate of an active trigger. @throws AssertionError otherwise */
  readonly thenDuplicate: () => void;
};

/**
 * `given(...history).when(command).then(...events)` for the decisions of a trigger's stream. The history has events of the
 * stream, and raises; a raise into another scope, such as a later window, leaves the stream as it is.
 */
export function given(...history: readonly (TriggerEvent | RaiseCommand)[]) {
  return {
    when(command: RaiseCommand): ThenRaised {
      const prepared = prepare(command);
      const decision = prepared.ok
        ? prepared.value(stateAfter(history, prepared.stream))
        : prepared;
      const events = decision.ok ? ok(decision.value.events) : decision;
      return {
        ...assertions<TriggerEvent, Rejection>(events),
        thenDuplicate() {
          if (decision.ok && decision.value.answer.duplicate) return;
          const actual = decision.ok ? decision.value.events : decision.error;
          throw new AssertionError({ message: 'the raise is no duplicate', actual });
        },
      };
    },
  };
}

function stateAfter(
  history: readonly (TriggerEvent | RaiseCommand)[],
  stream: string,
): TriggerState {
  return history.reduce<TriggerState>((state, part) => {
    if (!('input' in part)) return evolveTrigger(state, part);
    const prepared = prepare(part);
    const decision = prepared.ok ? prepared.value(state) : prepared;
    if (!decision.ok) throw new RangeError(`a raise of the history: ${decision.error.message}`);
    if (prepared.ok && prepared.stream !== stream) return state;
    return decision.value.events.reduce(evolveTrigger, state);
  }, initialTrigger);
}

/** The trace id of commands without a trace id, where the kernel makes a random one. */
export const TEST_TRACE_ID = 'trace_given';

type Prepared =
  | {
      readonly ok: true;
      /** The stream of its scope. */
      readonly stream: string;
      /** Decides the raise. */
      readonly value: (state: TriggerState) => Result<RaiseDecision, Rejection>;
    }
  | { readonly ok: false; readonly error: Rejection };

function prepare(command: RaiseCommand): Prepared {
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
  const evaluate = bound.value.evaluate ?? command.evaluate ?? notify;
  const evaluation =
    command.evaluation === undefined
      ? evaluated(evaluate, request)
      : checkedEvaluation(command.evaluation, request);
  const of = { definition, bound: bound.value, channel: request.channel, evaluation };
  const outcome = outcomeParts(of, { texts, channel, channels: new Set(channels) });
  if (!outcome.ok) return outcome;
  const scope = scopeOf(definition, request);
  const { dedupeKey } = scope;
  const stream = triggerStream(DEFAULT_KERNEL_NAME, request, scope);
  const about = { request, definition, stream, dedupeKey, evaluation, recordDuplicates };
  const claim = claimed === undefined ? {} : { claimed };
  const raise = { ...about, ...claim, outcome: outcome.value };
  return { ok: true, stream, value: (state) => decideRaise(state, raise, { recordedAt }) };
}

function instantOf(now: string | Instant): Instant {
  if (typeof now === 'number') return now;
  const parsed = parseInstant(now);
  if (!parsed.ok) throw new RangeError(`now ${parsed.error}`);
  return parsed.value;
}

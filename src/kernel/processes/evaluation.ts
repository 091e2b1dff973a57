// Evaluates triggers after the raise: a process manager over the trigger streams. The result is one append
// with the exact revision, so of two workers only one has an effect.
import { TocsinError } from '../../domain/core/errors.ts';
import { checkedNumber, MAX_TIMER_MS } from '../../domain/core/options.ts';
import type { Evaluation } from '../../domain/trigger/evaluation.ts';
import { DEFAULT_KERNEL_NAME, parseOccurrenceId, uuidOf } from '../../domain/core/ids.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { Clock, Runtime } from '../../domain/ports/runtime.ts';
import type { LaterEvaluator } from '../../domain/ports/evaluator.ts';
import type { Texts } from '../../domain/notification/texts.ts';
import { ADDRESS_CHANNELS } from '../../domain/channel/address.ts';
import { messageOf } from '../../domain/core/input.ts';
import { outcomeParts } from '../../domain/trigger/outcome.ts';
import { cleanText } from '../../domain/core/text.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { silentLogger, type Logger } from '../../domain/ports/logger.ts';
import type { Telemetry } from '../../domain/ports/telemetry.ts';
import { raisedRequest } from '../../domain/trigger/commands.ts';
import type { BoundTrigger, TriggerDefinition } from '../../domain/trigger/definitions.ts';
import {
  awaitingEvaluation,
  decideEvaluated,
  decideEvaluationFailed,
} from '../../domain/trigger/decide-evaluation.ts';
import type { Occurrence } from '../../domain/trigger/state.ts';
import type { DueEntry, DueIndex } from './due/due-index.ts';
import type { DueChange } from './due/options.ts';
import { dueProcess } from './due/due-process.ts';
import type { Process } from './due/process.ts';
import { systemRuntime, withDeadline } from '../decider/runtime.ts';
import { checkedEvaluation } from '../raise/prepare.ts';
import { warnOfLinks } from '../raise/warn-of-links.ts';
import { append, tracedDecider, triggerEventOf, triggerPrefixes } from './trigger-streams.ts';

/** The name of the due index. Rows with another meaning need another name. */
export const EVALUATION_INDEX = 'evaluation.1';

/** Milliseconds that one evaluation may take. */
const DEFAULT_TIMEOUT_MS = 30_000;

export type EvaluationOptions = {
  readonly store: EventStore;
  /** Opened under {@link EVALUATION_INDEX}, for this process alone. */
  readonly index: DueIndex;
  /** Evaluates types without an evaluator of their own. */
  readonly evaluate: LaterEvaluator;
  /** The kernel's name. Default `tocsin`. */
  readonly name?: string;
  /** The same as the kernel has. */
  readonly triggers: readonly TriggerDefinition[];
  /** The same as the kernel has. */
  readonly texts?: Partial<Texts>;
  /** The same as the kernel has. */
  readonly channel?: string;
  /** The same as the kernel has. */
  readonly channels?: readonly string[];
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly telemetry?: Telemetry;
  /** Evaluations at once; default 64. */
  readonly concurrency?: number;
  /** How long one evaluation may take, in milliseconds; default 30,000. */
  readonly timeoutMs?: number;
  /** Called each time that the rows contain the whole log. */
  readonly onCaughtUp?: () => void;
  /** For tests. */
  readonly runtime?: Runtime;
};

/** The process that evaluates the triggers of a kernel with `evaluation: 'later'`. */
export function evaluationProcess(options: EvaluationOptions): Process {
  const { runtime = systemRuntime(options.clock), name, logger = silentLogger } = options;
  const { store, index, concurrency, onCaughtUp, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  if (concurrency !== undefined) checkedNumber('concurrency', concurrency, [1, 10_000]);
  checkedNumber('timeoutMs', timeoutMs, [1, MAX_TIMER_MS], 'any');
  return dueProcess({
    ...runtime,
    name: 'evaluation',
    index,
    store,
    prefixes: triggerPrefixes(name),
    changeOf: evaluationRows,
    handle: handler(options, runtime),
    logger,
    telemetry: options.telemetry,
    concurrency,
    onCaughtUp,
  });
}

/** The due row of a trigger that waits for its evaluation, after one of its events. */
export function evaluationRows(recorded: RecordedEvent): DueChange | undefined {
  const event = triggerEventOf(recorded);
  const { stream } = recorded;
  switch (event?.type) {
    case 'TriggerRaised':
      return {
        put: [{ key: event.data.triggerId, stream, dueAt: event.recordedAt, rank: 0 }],
      };
    case 'TriggerEvaluationFailed': {
      const { triggerId: key, retryAt: dueAt } = event.data;
      return dueAt === undefined ? { remove: [key] } : { put: [{ key, stream, dueAt, rank: 1 }] };
    }
    case 'PreviewOffered':
    case 'TriggerClosed':
    case 'TriggerRejected':
    case 'TriggerAbandoned':
    case 'TriggerCancelled':
      return { remove: [event.data.triggerId] };
    default:
      return undefined;
  }
}

function handler(options: EvaluationOptions, runtime: Runtime) {
  const { store, name: kernel = DEFAULT_KERNEL_NAME, triggers } = options;
  const { texts, channel, channels = ADDRESS_CHANNELS } = options;
  const defaults = { texts, channel, channels: new Set(channels) };
  const { logger = silentLogger } = options;
  const context = { store, runtime };
  const definitions = new Map(triggers.map((definition) => [definition.type, definition]));

  return async ({ key, stream }: DueEntry, signal: AbortSignal): Promise<void> => {
    const occurrence = parseOccurrenceId(kernel, key)?.occurrence ?? 0;
    const { trigger, origins } = (await tracedDecider.load(store, stream)).state;
    const waiting = awaitingEvaluation(trigger, occurrence);
    if (waiting === undefined) return;
    const attempt = (waiting.failures ?? 0) + 1;
    // The id comes from occurrence, attempt and kind, so that a repeated command makes the same events.
    const commandFor = (kind: 'evaluated' | 'evaluation_failed') => ({
      id: uuidOf(kind, key, String(attempt)),
      actor: 'evaluation',
      origin: origins[occurrence - 1],
    });
    const fail = async ({ code, error }: Failure): Promise<void> => {
      const about = { triggerId: key, attempt, code, err: error };
      logger.warn(about, 'the evaluation of a trigger failed');
      const failed = { occurrence, attempt, code, detail: detailOf(error) };
      const command = commandFor('evaluation_failed');
      await append(context, stream, command, (state, at) => ({
        events: decideEvaluationFailed(state, failed, at),
      }));
    };
    const definition = definitions.get(waiting.raised.triggerType);
    if (definition === undefined) return fail({ code: 'unknown_trigger_type', error: undefined });
    const answer = await callEvaluator(options, runtime, { waiting, definition }, signal);
    if (answer === 'stopped') return;
    if ('code' in answer) return fail(answer);
    try {
      const of = { definition, channel: waiting.raised.channel, ...answer };
      const parts = outcomeParts(of, defaults);
      if (!parts.ok) {
        await fail(failure(parts.error.code, parts.error.message));
        return;
      }
      const offer = { occurrence, stream, ...parts.value, ...answer };
      const command = commandFor('evaluated');
      const refused = await append(context, stream, command, (state, at) => {
        const decided = decideEvaluated(state, offer, at);
        return decided.ok ? { events: decided.value } : { events: [], answer: decided.error };
      });
      if (refused !== undefined) {
        await fail(failure(refused.code, refused.message));
        return;
      }
      const { linksRemoved } = parts.value.summary;
      const { triggerType } = waiting.raised;
      if (linksRemoved > 0) warnOfLinks(logger, { triggerId: key, triggerType, linksRemoved });
    } catch (error) {
      if (!isEvaluatorError(error)) throw error;
      await fail({ code: 'evaluation_invalid', error });
    }
  };
}

type Failure = { readonly code: string; readonly error: unknown };

const failure = (code: string, message: string): Failure => ({
  code,
  error: new TypeError(message),
});

type Evaluated = { readonly evaluation: Evaluation; readonly bound: BoundTrigger };

/** Calls the schema and the evaluator, both together at most `timeoutMs` and while the worker runs. */
async function callEvaluator(
  options: Pick<EvaluationOptions, 'timeoutMs' | 'evaluate'>,
  runtime: Runtime,
  about: { readonly waiting: Occurrence; readonly definition: TriggerDefinition },
  stop: AbortSignal,
): Promise<Evaluated | Failure | 'stopped'> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const { definition, waiting } = about;
  const { raised } = waiting;
  const evaluated = async (signal: AbortSignal): Promise<Evaluated | Failure> => {
    try {
      const bound = await definition.bind(raised.personal.payload);
      if (!bound.ok) return failure('payload_invalid', messageOf(bound.error));
      const { evaluate = options.evaluate } = bound.value;
      const request = raisedRequest(raised);
      const result: unknown = await evaluate(request, { now: runtime.now(), signal });
      return { evaluation: checkedEvaluation(result, request), bound: bound.value };
    } catch (error) {
      const isResult = error instanceof TocsinError && error.code === 'evaluator_result';
      return { code: isResult ? 'evaluation_invalid' : 'evaluation_failed', error };
    }
  };
  const timedOut = (): Failure => ({ code: 'evaluation_timeout', error: undefined });
  // An evaluator that ignores its signal must not block its trigger.
  const answer = await withDeadline(runtime, timeoutMs, evaluated, timedOut, stop);
  return stop.aborted ? 'stopped' : answer;
}

/** The evaluator causes events that break their schema or are too large. */
function isEvaluatorError(error: unknown): boolean {
  if (!(error instanceof TocsinError)) return true;
  return error.kind === 'usage' || error.code === 'too_large';
}

function detailOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return cleanText(`${error.name}: ${error.message}`, 512);
}

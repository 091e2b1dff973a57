// Prepares a raise: computes everything that does not depend on the trigger's stream, such as scope and evaluation.
import { TocsinError } from '../../domain/core/errors.ts';
import { rejectionWith } from '../../domain/core/input.ts';
import { err, ok, type Result } from '../../domain/core/result.ts';
import { cleanSummary, textsOf, type Texts } from '../../domain/notification/texts.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { Telemetry } from '../../domain/ports/telemetry.ts';
import type { Evaluator, LaterEvaluator } from '../../domain/ports/evaluator.ts';
import {
  DRY_RUN_SOURCE,
  type RaiseRequest,
  type Rejection,
} from '../../domain/trigger/commands.ts';
import { parseRaise, type ParsedRaise } from '../../domain/trigger/parse-raise.ts';
import type { RaiseTrigger } from '../../domain/trigger/decide.ts';
import { scopeOf, triggerStream } from '../../domain/trigger/dedupe-scope.ts';
import type { BoundTrigger, TriggerDefinition } from '../../domain/trigger/definitions.ts';
import { isEvaluation, type Evaluation } from '../../domain/trigger/evaluation.ts';
import { outcomeParts, type NotificationDefaults } from '../../domain/trigger/outcome.ts';
import { linkOf } from '../../domain/trigger/link.ts';
import { deadlineMsOf, type Call, type KernelContext } from '../decider/decider.ts';
import { callHost } from '../decider/host-calls.ts';

/** What raises need besides store and runtime. */
export type RaiseContext = KernelContext & {
  readonly definitions: ReadonlyMap<string, TriggerDefinition>;
  readonly evaluation: 'inline' | 'later';
  /** Evaluates types without an evaluator of their own. Default: always notify. */
  readonly evaluate: Evaluator | undefined;
  /** The evaluator of dry runs when evaluation is `later`. */
  readonly evaluateLater: LaterEvaluator | undefined;
  /** An evaluation that was made before; no evaluator is called. */
  readonly fixed?: Evaluation;
  readonly notifications: NotificationDefaults;
  readonly recordDuplicates: boolean;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
};

/** What a dry run finds: nothing is written. */
export type DryRun = {
  readonly request: RaiseRequest;
  readonly evaluation: Evaluation;
  readonly warnings: readonly DryRunWarning[];
};

/** What a notification would lose. */
export type DryRunWarning = {
  /**
   * `links_removed`: the summary loses links. `summary_blank`: the summary that the evaluation gives shows nothing.
   * `text_blank`: neither summary nor fallback shows anything, so that the message says the title, or the type and target.
   */
  readonly code: 'links_removed' | 'summary_blank' | 'text_blank';
  /** How many links the summary loses. */
  readonly links: number;
  /** The summary as it would be stored; blank where the texts' fallback replaces it. */
  readonly summary: string;
};

/** The request and evaluation that an input leads to; nothing is written. */
export async function dryRun(
  context: RaiseContext,
  input: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<Result<DryRun, Rejection>> {
  // As a raise from the API, except that nothing is stored.
  const { source, ...rest } = input;
  const raised = source === DRY_RUN_SOURCE || source === undefined ? rest : input;
  const defaults = { now: context.runtime.now(), traceId: 'trace_active_dry_run' };
  const parsed = parseRaise(raised, context.definitions, defaults);
  if (!parsed.ok) return parsed;
  const prepared = await prepare(context, parsed.value, { signal });
  if (!prepared.ok) return prepared;
  const { request, definition } = parsed.value;
  const evaluation = await evaluateNow(context, prepared.value, signal);
  const linked = linkOfDryRun(evaluation, request, prepared.value.bound);
  if (!linked.ok) return linked;
  const warnings = warningsOf(evaluation, definition, context.notifications.texts);
  return ok({ request, evaluation, warnings });
}

/** Whether a raise would be refused for its link. */
function linkOfDryRun(
  evaluation: Evaluation,
  { userId, triggerType, targetType, targetId }: RaiseRequest,
  { link }: BoundTrigger,
): Result<undefined, Rejection> {
  if (evaluation.outcome !== 'offer' || link === undefined) return ok(undefined);
  const about = { userId, triggerType, targetType, targetId };
  const made = linkOf(link, { ...about, triggerId: 'ast_dry_run', previewId: 'asp_dry_run' });
  return made.ok ? ok(undefined) : err(rejectionWith('invalid_field', [made.error]));
}

function warningsOf(
  evaluation: Evaluation,
  { summaryLinks, texts: own }: TriggerDefinition,
  given: Partial<Texts> | undefined,
): readonly DryRunWarning[] {
  if (evaluation.outcome !== 'offer') return [];
  const { text: summary, linksRemoved: links } = cleanSummary(evaluation.summary, summaryLinks);
  const isBlank = summary === '' && links === 0 && evaluation.summary !== undefined;
  const { fallback } = textsOf(own, given);
  const codes: readonly DryRunWarning['code'][] = [
    ...(links === 0 ? [] : (['links_removed'] as const)),
    ...(isBlank ? (['summary_blank'] as const) : []),
    ...(summary === '' && fallback === '' ? (['text_blank'] as const) : []),
  ];
  return codes.map((code) => ({ code, links, summary }));
}

/** Everything about a request that is known before its stream is loaded. */
export type Prepared = { readonly command: RaiseTrigger; readonly bound: BoundTrigger };

/** The evaluation of a prepared request, also where raises leave it to a worker. */
export async function evaluateNow(
  { evaluateLater, runtime }: RaiseContext,
  { command: { evaluation, request }, bound }: Prepared,
  signal: AbortSignal,
): Promise<Evaluation> {
  if (evaluation !== undefined) return evaluation;
  if (bound.evaluate !== undefined) return evaluated(bound.evaluate, request);
  if (evaluateLater !== undefined) {
    const call = { what: '`evaluateLater` of the kernel', ms: EVALUATION_MS, stop: signal };
    const now = runtime.now();
    const result = await callHost(runtime, call, (stop) =>
      evaluateLater(request, { now, signal: stop }),
    );
    return checkedEvaluation(result, request);
  }
  throw new TocsinError('usage', 'no_evaluator', 'this kernel leaves evaluation to a worker', {
    hint: 'Open the kernel with `evaluateLater`; dry runs and preview requests call it.',
  });
}

/** @throws TocsinError `usage` when the embedder's code fails */
export async function prepare(
  context: RaiseContext,
  { request, definition }: Pick<ParsedRaise, 'request' | 'definition'>,
  { deadlineMs, signal }: Pick<Call, 'deadlineMs'> & { readonly signal?: AbortSignal } = {},
): Promise<Result<Prepared, Rejection>> {
  const bound = await bindPayload(context, definition, request.payload, { deadlineMs, signal });
  if (!bound.ok) return err(rejectionWith('payload_invalid', bound.error));
  const evaluation = context.fixed ?? evaluationOf(context, definition, bound.value, request);
  const { channel } = request;
  const of = { definition, bound: bound.value, channel, evaluation };
  const outcome = outcomeParts(of, context.notifications);
  if (!outcome.ok) return outcome;
  const scope = scopeOf(definition, request);
  const command = {
    request,
    definition,
    stream: triggerStream(context.kernel, request, scope),
    dedupeKey: scope.dedupeKey,
    evaluation,
    outcome: outcome.value,
    recordDuplicates: context.recordDuplicates,
  };
  return ok({ command, bound: bound.value });
}

/** Checks a payload by the schema of its type. @throws TocsinError `usage` when the schema fails */
export async function bindPayload(
  { runtime }: Pick<RaiseContext, 'runtime'>,
  definition: TriggerDefinition,
  payload: RaiseRequest['payload'],
  { deadlineMs, signal }: Pick<Call, 'deadlineMs'> & { readonly signal?: AbortSignal | undefined },
): Promise<Awaited<ReturnType<TriggerDefinition['bind']>>> {
  const binding = definition.bind(payload);
  if (!(binding instanceof Promise)) return binding;
  const what = `the payload schema of the trigger type ${definition.type}`;
  const limits = { what, ms: deadlineMsOf({ deadlineMs }), stop: signal };
  return callHost(runtime, limits, () => binding);
}

/** The evaluation within the raise; `undefined` when a worker evaluates. */
function evaluationOf(
  context: RaiseContext,
  definition: TriggerDefinition,
  bound: BoundTrigger,
  request: RaiseRequest,
): Evaluation | undefined {
  if (context.evaluation === 'later') return undefined;
  const evaluate =
    bound.evaluate ??
    context.evaluate ??
    alwaysNotify({ ...context.notifications.texts, ...definition.texts });
  return evaluated(evaluate, request);
}

/** How long an evaluation for a dry run or a preview request may take, in milliseconds. */
const EVALUATION_MS = 30_000;

/** What an evaluator returns, if it is an evaluation. @throws TocsinError `evaluator_failed`, `evaluator_result` */
export function evaluated(evaluate: Evaluator, request: RaiseRequest): Evaluation {
  let result: unknown;
  try {
    result = evaluate(request);
  } catch (cause) {
    throw new TocsinError('usage', 'evaluator_failed', 'the evaluator threw an error', {
      hint: 'Nothing was written. An inline evaluator must return; it returns `reject` to refuse a trigger.',
      cause,
    });
  }
  return checkedEvaluation(result, request);
}

/** @throws TocsinError `evaluator_result` for anything but an evaluation */
export function checkedEvaluation(result: unknown, request: RaiseRequest): Evaluation {
  if (isEvaluation(result)) return result;
  // Nobody waits for a promise here, and its rejection must not end the process.
  if (result instanceof Promise) result.catch(() => undefined);
  const given = result instanceof Promise ? 'a promise' : 'no evaluation';
  const message = `the evaluator of the trigger type ${request.triggerType} returned ${given}`;
  throw new TocsinError('usage', 'evaluator_result', message, {
    hint: 'Nothing was written. Return what `notify`, `offer` or `close` give, or an outcome `reject`. An evaluator that must wait belongs to a worker: open the kernel with `evaluation: "later"`.',
  });
}

/** The default evaluator: offers every trigger as a reminder with the catalogue's summary. */
export function alwaysNotify({ summaries = {} }: Partial<Texts>): Evaluator {
  return (request) => {
    const summary = summaries[request.triggerType];
    return { outcome: 'offer', kind: 'reminder', ...(summary === undefined ? {} : { summary }) };
  };
}

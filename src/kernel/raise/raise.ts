// A raise: from a client's input to events in streams.
import {
  claimedRequest,
  idempotencyCodec,
  idempotencyStream,
  type Claim,
  type IdempotencyEvent,
} from '../../domain/idempotency/events.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { keyedCommandId } from '../../domain/core/ids.ts';
import { err, ok, type Result } from '../../domain/core/result.ts';
import type { Evaluation } from '../../domain/trigger/evaluation.ts';
import type { Evaluator, LaterEvaluator } from '../../domain/ports/evaluator.ts';
import type { Texts } from '../../domain/notification/texts.ts';
import { rejection } from '../../domain/core/input.ts';
import { parseRaise, type RaiseRequest, type Rejection } from '../../domain/trigger/commands.ts';
import { decideRaise, type Raised, type RaiseTrigger } from '../../domain/trigger/decide.ts';
import type { TriggerDefinition } from '../../domain/trigger/definitions.ts';
import { triggerCodec, type TriggerEvent } from '../../domain/trigger/events.ts';
import { evolveTrigger, initialTrigger, type TriggerState } from '../../domain/trigger/state.ts';
import { scopeOf, triggerStream } from '../../domain/trigger/dedupe-scope.ts';
import {
  decider,
  DEFAULT_DEADLINE_MS,
  millisecondsUntil,
  type Call,
  type Decide,
  type KernelContext,
} from '../decider/decider.ts';
import { answer, rejected, type RaiseResult } from './raise-result.ts';
import { requestHash } from './request-hash.ts';

/** What raises need besides store and runtime. */
export type RaiseContext = KernelContext & {
  readonly definitions: ReadonlyMap<string, TriggerDefinition>;
  /** Absent when evaluation is `later`: then a raise appends `TriggerRaised` alone. */
  readonly evaluate: Evaluator | undefined;
  /** The evaluator of dry runs then. */
  readonly evaluateLater: LaterEvaluator | undefined;
  readonly texts: Texts;
  readonly recordDuplicates: boolean;
};

const UNWRITABLE = {
  code: 'trigger_unwritable',
  hint: 'Check the event store and try again.',
};

export const triggerDecider = decider({
  codec: triggerCodec,
  initial: initialTrigger,
  evolve: evolveTrigger,
  unwritable: UNWRITABLE,
});

const claimDecider = decider<Claim | undefined, IdempotencyEvent>({
  codec: idempotencyCodec,
  initial: undefined,
  evolve: (claim, event) => claim ?? event.data,
  unwritable: UNWRITABLE,
});

/** Raises a trigger: once per scope while it is active, once per idempotency key for ever. */
export async function raise(
  context: RaiseContext,
  input: unknown,
  call: Call,
): Promise<RaiseResult> {
  const { now, newId } = context.runtime;
  const commandId = newId();
  const defaults = { now: now(), traceId: `trace_active_trigger_${commandId}` };
  const parsed = parseRaise(input, defaults);
  if (!parsed.ok) return rejected(parsed.error);
  const prepared = prepare(context, parsed.value);
  if (!prepared.ok) return rejected(prepared.error);
  return raisePrepared(context, prepared.value, { input, commandId, call });
}

export async function raisePrepared(
  context: RaiseContext,
  command: RaiseTrigger,
  of: {
    /** The client's input; a key belongs to one hash of it. */
    readonly input: unknown;
    readonly commandId: string;
    readonly call: Call;
  },
): Promise<RaiseResult> {
  const { idempotencyKey: key, userId, triggerType } = command.request;
  const { call } = of;
  if (key === undefined) return append(context, command, of.commandId, true, call);
  const hash = requestHash(of.input);
  const stream = idempotencyStream(context.kernel, command.request, key);
  const commandId = keyedCommandId(userId, triggerType, key, hash);
  const deadline = context.runtime.elapsed() + (call.deadlineMs ?? DEFAULT_DEADLINE_MS);
  return raiseKeyed(context, command, { key, hash, stream, commandId, deadline, call });
}

/** The request and evaluation that an input leads to; nothing is written. */
export async function dryRun(
  context: RaiseContext,
  input: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<Result<{ readonly request: RaiseRequest; readonly evaluation: Evaluation }, Rejection>> {
  // As a raise from the API, except that nothing is stored.
  const { source: given = 'api_dry_run' } = input;
  const source = given === 'api_dry_run' ? 'api_trigger' : given;
  const now = context.runtime.now();
  const parsed = parseRaise({ ...input, source }, { now, traceId: 'trace_active_dry_run' });
  if (!parsed.ok) return parsed;
  const prepared = prepare(context, parsed.value);
  if (!prepared.ok) return prepared;
  const { request } = prepared.value;
  return ok({ request, evaluation: await evaluateNow(context, prepared.value, signal) });
}

/** The evaluation of a prepared request, also where raises leave it to a worker. */
export async function evaluateNow(
  { evaluateLater, runtime }: RaiseContext,
  { evaluation, request }: RaiseTrigger,
  signal: AbortSignal,
): Promise<Evaluation> {
  if (evaluation !== undefined) return evaluation;
  if (evaluateLater !== undefined) return evaluateLater(request, { now: runtime.now(), signal });
  throw new TocsinError('usage', 'no_evaluator', 'this kernel leaves evaluation to a worker', {
    hint: 'Open the kernel with `evaluateLater`; dry runs and preview requests call it.',
  });
}

/** Everything about a request that is known before its stream is loaded. */
export function prepare(
  context: RaiseContext,
  request: RaiseRequest,
): Result<RaiseTrigger, Rejection> {
  const definition = context.definitions.get(request.triggerType);
  if (definition === undefined) {
    const known = [...context.definitions.keys()].join(', ');
    return err(rejection('unknown_trigger_type', 'triggerType', `is not one of ${known}`));
  }
  if (definition.payload?.safeParse(request.payload).success === false) {
    return err(rejection('payload_invalid', 'payload', `does not fit ${request.triggerType}`));
  }
  const scope = scopeOf(definition, request);
  return ok({
    request,
    definition,
    stream: triggerStream(context.kernel, request, scope),
    dedupeKey: scope.dedupeKey,
    evaluation: context.evaluate && evaluated(context.evaluate, request),
    texts: context.texts,
    recordDuplicates: context.recordDuplicates,
  });
}

async function append(
  context: RaiseContext,
  command: RaiseTrigger,
  commandId: string,
  assumeNew: boolean,
  call: Call,
): Promise<RaiseResult> {
  const decide: Decide<TriggerState, TriggerEvent, Raised, Rejection> = (state, at) =>
    decideRaise(state, command, at);
  const options = { ...call, commandId, assumeNew };
  return answer(command, await triggerDecider.transact(context, command.stream, decide, options));
}

/** A raise under an idempotency key. */
type Keyed = {
  readonly key: string;
  /** Of the client's input. */
  readonly hash: string;
  readonly stream: string;
  readonly commandId: string;
  readonly deadline: number;
  readonly call: Call;
};

/** Appends the claim first, then the trigger; a repeat completes a call that crashed between the two. */
async function raiseKeyed(
  context: RaiseContext,
  command: RaiseTrigger,
  keyed: Keyed,
): Promise<RaiseResult> {
  const { hash, stream, commandId, deadline, call } = keyed;
  const { state: found } = await claimDecider.loadUntil(context, stream, deadline);
  const claimed = found === undefined ? await claimKey(context, command, keyed) : ok(found);
  if (!claimed.ok) return claimed.error;
  const claim = claimed.value;
  if (claim.requestHash !== hash) {
    const message = 'this idempotency key was used for another request';
    return { outcome: 'idempotency_conflict', message };
  }
  // The claim holds the first call's request with its defaults.
  const first = prepare(context, claimedRequest(claim));
  if (!first.ok) return rejected(first.error);
  const again = { ...first.value, stream: claim.triggerStream, claimed: claim.occurrence };
  // A repeat has the event ids of the first call: appended with `no_stream`, the store would take it for the
  // first call.
  const assumeNew = found === undefined && claim.occurrence === 1;
  const deadlineMs = millisecondsUntil(context.runtime, deadline);
  return append(context, again, commandId, assumeNew, { ...call, deadlineMs });
}

/** Claims the key for the command's decision; two concurrent calls both get the claim of the first. */
async function claimKey(
  context: RaiseContext,
  command: RaiseTrigger,
  { key, hash, stream, deadline, commandId, call }: Keyed,
): Promise<Result<Claim, RaiseResult>> {
  const { runtime } = context;
  const { state } = await triggerDecider.loadUntil(context, command.stream, deadline);
  const recordedAt = runtime.now();
  const decision = decideRaise(state, command, { recordedAt });
  if (!decision.ok) return err(rejected(decision.error));
  // A claim is permanent, so it is not made for events that can never be stored.
  const { actor, traceparent } = call;
  const ids = { commandId, correlationId: commandId, causationId: commandId };
  const metadata = { ...ids, actor, traceparent, recordedAt };
  triggerDecider.encode(command.stream, decision.value.events, metadata);
  const { payload, ...facts } = command.request;
  const wanted: Claim = {
    ...facts,
    idempotencyKey: key,
    requestHash: hash,
    triggerStream: command.stream,
    occurrence: decision.value.answer.occurrence,
    personal: { payload },
  };
  const decide: Decide<Claim | undefined, IdempotencyEvent, Claim, Rejection> = (first) =>
    ok(
      first === undefined
        ? { events: [{ type: 'IdempotencyClaimed', data: wanted }], answer: wanted }
        : { events: [], answer: first },
    );
  const deadlineMs = millisecondsUntil(runtime, deadline);
  const options = { ...call, commandId, assumeNew: true, deadlineMs };
  const claimed = await claimDecider.transact(context, stream, decide, options);
  if (claimed.kind === 'done') return ok(claimed.answer);
  return err(answer({ ...command, claimed: wanted.occurrence }, claimed));
}

function evaluated(evaluate: Evaluator, request: RaiseRequest): Evaluation {
  try {
    return evaluate(request);
  } catch (cause) {
    throw new TocsinError('usage', 'evaluator_failed', 'the evaluator threw an error', {
      hint: 'Nothing was written. An inline evaluator must return; it returns `reject` to refuse a trigger.',
      cause,
    });
  }
}

/** The default evaluator: offers every trigger as a reminder with the catalogue's summary. */
export function alwaysNotify(texts: Texts): Evaluator {
  return (request) => {
    const summary = texts.summaries[request.triggerType];
    return { outcome: 'offer', kind: 'reminder', ...(summary === undefined ? {} : { summary }) };
  };
}

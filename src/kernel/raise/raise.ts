// A raise, from what a client sent to events in streams (design section 3).
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
import {
  parseRaise,
  rejection,
  type RaiseRequest,
  type Rejection,
} from '../../domain/trigger/commands.ts';
import { decideRaise, type Raised, type RaiseTrigger } from '../../domain/trigger/decide.ts';
import type { TriggerDefinition } from '../../domain/trigger/definitions.ts';
import { triggerCodec, type TriggerEvent } from '../../domain/trigger/events.ts';
import { evolveTrigger, initialTrigger, type TriggerState } from '../../domain/trigger/state.ts';
import { scopeOf, triggerStream } from '../../domain/trigger/stream.ts';
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

/** What a raise needs from the kernel. */
export type RaiseContext = KernelContext & {
  readonly definitions: ReadonlyMap<string, TriggerDefinition>;
  /** Absent when evaluation is later: then a raise decides nothing. */
  readonly evaluate: Evaluator | undefined;
  /** What a dry run asks then. */
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

/** Raises what was prepared: under its idempotency key, where it has one. */
export async function raisePrepared(
  context: RaiseContext,
  command: RaiseTrigger,
  of: {
    /** What the client sent: its hash is what the key stands for. */
    readonly input: unknown;
    readonly commandId: string;
    readonly call: Call;
  },
): Promise<RaiseResult> {
  const { idempotencyKey: key } = command.request;
  if (key === undefined) return append(context, command, of.commandId, true, of.call);
  return raiseKeyed(context, command, { key, hash: requestHash(of.input) }, of.call);
}

/** What an input would lead to; nothing is written. */
export async function dryRun(
  context: RaiseContext,
  input: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<Result<{ readonly request: RaiseRequest; readonly evaluation: Evaluation }, Rejection>> {
  // Everything is as for a raise from the API, but that it cannot be stored.
  const { source: given = 'api_dry_run' } = input;
  const source = given === 'api_dry_run' ? 'api_trigger' : given;
  const now = context.runtime.now();
  const parsed = parseRaise({ ...input, source }, { now, traceId: 'trace_active_dry_run' });
  if (!parsed.ok) return parsed;
  const prepared = prepare(context, parsed.value);
  if (!prepared.ok) return prepared;
  const { request, evaluation } = prepared.value;
  if (evaluation !== undefined) return ok({ request, evaluation });
  if (context.evaluateLater === undefined) throw noEvaluator();
  return ok({ request, evaluation: await context.evaluateLater(request, { now, signal }) });
}

/** Everything about a request that can be known before its stream is. */
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

/** A key as one call uses it. */
type Key = {
  readonly key: string;
  /** Of what the client sent. */
  readonly hash: string;
};

/** The claim first, then the trigger; a repeat makes good a crash between the two. */
async function raiseKeyed(
  context: RaiseContext,
  command: RaiseTrigger,
  { key, hash }: Key,
  call: Call,
): Promise<RaiseResult> {
  const { request } = command;
  const commandId = keyedCommandId(request.userId, request.triggerType, key, hash);
  const deadline = context.runtime.elapsed() + (call.deadlineMs ?? DEFAULT_DEADLINE_MS);
  const stream = idempotencyStream(context.kernel, request, key);
  const { state: found } = await claimDecider.loadUntil(context, stream, deadline);
  const claimed =
    found === undefined
      ? await claimKey(context, command, { key, hash, stream, commandId, deadline, call })
      : ok(found);
  if (!claimed.ok) return claimed.error;
  const claim = claimed.value;
  if (claim.requestHash !== hash) {
    const message = 'this idempotency key was used for another request';
    return { outcome: 'idempotency_conflict', message };
  }
  // The claim holds the request as it was first made, defaults included.
  const first = prepare(context, claimedRequest(claim));
  if (!first.ok) return rejected(first.error);
  const again = { ...first.value, stream: claim.triggerStream, claimed: claim.occurrence };
  // A repeat has the ids of the first call, and the store would answer it as if it were the first.
  const assumeNew = found === undefined && claim.occurrence === 1;
  const deadlineMs = millisecondsUntil(context.runtime, deadline);
  return append(context, again, commandId, assumeNew, { ...call, deadlineMs });
}

/** Claims the key for what the command decides now; of two that do so at once, both get the first's claim. */
async function claimKey(
  context: RaiseContext,
  command: RaiseTrigger,
  of: Key & {
    readonly stream: string;
    readonly commandId: string;
    readonly deadline: number;
    readonly call: Call;
  },
): Promise<Result<Claim, RaiseResult>> {
  const { key, hash, stream, deadline, commandId } = of;
  const { runtime } = context;
  const { state } = await triggerDecider.loadUntil(context, command.stream, deadline);
  const recordedAt = runtime.now();
  const decision = decideRaise(state, command, { recordedAt });
  if (!decision.ok) return err(rejected(decision.error));
  // A claim is for ever: it is not made for events that could never be stored.
  const { actor, traceparent } = of.call;
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
  const options = { ...of.call, commandId, assumeNew: true, deadlineMs };
  const claimed = await claimDecider.transact(context, stream, decide, options);
  if (claimed.kind === 'done') return ok(claimed.answer);
  return err(answer({ ...command, claimed: wanted.occurrence }, claimed));
}

function evaluated(evaluate: Evaluator, request: RaiseRequest): Evaluation {
  try {
    return evaluate(request);
  } catch (cause) {
    throw new TocsinError('usage', 'evaluator_failed', 'the evaluator threw', {
      hint: 'Nothing was written. An inline evaluator answers; it returns `reject` to refuse.',
      cause,
    });
  }
}

export function noEvaluator(): TocsinError {
  return new TocsinError('usage', 'no_evaluator', 'this kernel leaves evaluation to a worker', {
    hint: 'Open the kernel with `evaluateLater`, so that a dry run has somebody to ask.',
  });
}

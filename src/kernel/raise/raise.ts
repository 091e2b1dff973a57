// A raise: from a client's input to events in streams.
import {
  claimedRequest,
  idempotencyCodec,
  idempotencyStream,
  type Claim,
  type IdempotencyEvent,
} from '../../domain/idempotency/events.ts';
import { keyedCommandId } from '../../domain/core/ids.ts';
import { err, ok, type Result } from '../../domain/core/result.ts';
import type { Rejection } from '../../domain/trigger/commands.ts';
import { decideRaise, type Raised, type RaiseTrigger } from '../../domain/trigger/decide.ts';
import { triggerCodec, type TriggerEvent } from '../../domain/trigger/events.ts';
import { evolveTrigger, initialTrigger, type TriggerState } from '../../domain/trigger/state.ts';
import {
  decider,
  DEFAULT_DEADLINE_MS,
  millisecondsUntil,
  type Call,
  type Decide,
} from '../decider/decider.ts';
import { newSalt } from '../decider/salt.ts';
import { prepare, type RaiseContext } from './prepare.ts';
import { answer, rejected, type RaiseResult } from './raise-result.ts';
import { requestHash } from './request-hash.ts';
import { warnOfLinks } from './warn-of-links.ts';
import { notDefined, parseRaise } from '../../domain/trigger/parse-raise.ts';
import { reported } from './report-raise.ts';

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
export function raise(context: RaiseContext, input: unknown, call: Call): Promise<RaiseResult> {
  return reported(context.telemetry, call, (traced) => raiseNow(context, input, traced));
}

async function raiseNow(context: RaiseContext, input: unknown, call: Call): Promise<RaiseResult> {
  const { now, newId } = context.runtime;
  const commandId = newId();
  const defaults = { now: now(), traceId: `trace_active_trigger_${commandId}` };
  const parsed = parseRaise(input, context.definitions, defaults);
  if (!parsed.ok) return rejected(parsed.error);
  const prepared = await prepare(context, parsed.value);
  if (!prepared.ok) return rejected(prepared.error);
  const { sent } = parsed.value;
  return raisePrepared(context, prepared.value.command, { input: sent, commandId, call });
}

export async function raisePrepared(
  context: RaiseContext,
  command: RaiseTrigger,
  of: {
    /** What the client sent; a key belongs to one hash of it. */
    readonly input: unknown;
    readonly commandId: string;
    readonly call: Call;
  },
): Promise<RaiseResult> {
  const { idempotencyKey: key } = command.request;
  const { call } = of;
  if (key === undefined) return append(context, command, of.commandId, true, call);
  const stream = idempotencyStream(context.kernel, command.request, key);
  const deadline = context.runtime.elapsed() + (call.deadlineMs ?? DEFAULT_DEADLINE_MS);
  return raiseKeyed(context, command, { key, input: of.input, stream, deadline, call });
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
  const result = answer(
    command,
    await triggerDecider.transact(context, command.stream, decide, options),
  );
  const { linksRemoved } = command.outcome.summary;
  if (result.outcome === 'raised' && linksRemoved > 0) {
    const { triggerType } = command.request;
    warnOfLinks(context.logger, { triggerId: result.triggerId, triggerType, linksRemoved });
  }
  return result;
}

/** A raise under an idempotency key. */
type Keyed = {
  readonly key: string;
  /** What the client sent. */
  readonly input: unknown;
  readonly stream: string;
  readonly deadline: number;
  readonly call: Call;
};

/** Appends the claim first, then the trigger; a repeat completes a call that crashed between the two. */
async function raiseKeyed(
  context: RaiseContext,
  command: RaiseTrigger,
  keyed: Keyed,
): Promise<RaiseResult> {
  const { key, stream, deadline, call } = keyed;
  // Both reads at once. Most keys are new; only then the trigger's stream matters, and with it its errors.
  const loading = triggerDecider.loadUntil(context, command.stream, deadline);
  loading.catch(() => undefined);
  const { state: found } = await claimDecider.loadUntil(context, stream, deadline);
  const claimed =
    found === undefined
      ? await claimKey(context, command, keyed, (await loading).state)
      : ok(found);
  if (!claimed.ok) return claimed.error;
  const claim = claimed.value;
  if (!isClaimOf(claim, keyed)) {
    const message = 'this idempotency key was used for another request';
    return { outcome: 'idempotency_conflict', message };
  }
  // The claim holds the first call's request with its defaults.
  const request = claimedRequest(claim);
  const definition = context.definitions.get(request.triggerType);
  if (definition === undefined) return rejected(notDefined(context.definitions));
  const first = await prepare(context, { request, definition });
  if (!first.ok) return rejected(first.error);
  const { command: same } = first.value;
  const again = { ...same, stream: claim.triggerStream, claimed: claim.occurrence };
  // A repeat has the event ids of the first call: appended with `no_stream`, the store would take it for the
  // first call.
  const assumeNew = found === undefined && claim.occurrence === 1;
  const deadlineMs = millisecondsUntil(context.runtime, deadline);
  // The same for every call under this claim, and no hash of the request without its salt.
  const { userId, triggerType } = request;
  const commandId = keyedCommandId(userId, triggerType, key, claim.requestHash);
  return append(context, again, commandId, assumeNew, { ...call, deadlineMs });
}

/** Without the salt of a forgotten user nothing can be compared: the key alone then stands for the request. */
function isClaimOf({ requestHash: claimed, personal }: Claim, { input }: Keyed): boolean {
  return personal.salt === undefined || requestHash(input, personal.salt) === claimed;
}

/** Claims the key for the command's decision; two concurrent calls both get the claim of the first. */
async function claimKey(
  context: RaiseContext,
  command: RaiseTrigger,
  { key, input, stream, deadline, call }: Keyed,
  state: TriggerState,
): Promise<Result<Claim, RaiseResult>> {
  const { runtime } = context;
  const recordedAt = runtime.now();
  const decision = decideRaise(state, command, { recordedAt });
  if (!decision.ok) return err(rejected(decision.error));
  // A claim is permanent, so it is not made for events that can never be stored.
  const { actor, traceparent } = call;
  const { payload, ...facts } = command.request;
  const { userId, triggerType } = facts;
  const salt = newSalt();
  const hash = requestHash(input, salt);
  const commandId = keyedCommandId(userId, triggerType, key, hash);
  const ids = { commandId, correlationId: commandId, causationId: commandId };
  const metadata = { ...ids, actor, traceparent, recordedAt };
  triggerDecider.encode(command.stream, decision.value.events, metadata);
  const wanted: Claim = {
    ...facts,
    idempotencyKey: key,
    requestHash: hash,
    triggerStream: command.stream,
    occurrence: decision.value.answer.occurrence,
    personal: { payload, salt },
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

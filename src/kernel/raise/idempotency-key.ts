// A raise under an idempotency key: claims the key, then appends the events of the claimed request.
import { keyedCommandId } from '../../domain/core/ids.ts';
import { err, ok, type Result } from '../../domain/core/result.ts';
import {
  claimedRequest,
  idempotencyCodec,
  type Claim,
  type IdempotencyEvent,
} from '../../domain/idempotency/events.ts';
import type { Rejection } from '../../domain/trigger/commands.ts';
import { decideRaise, type RaiseTrigger } from '../../domain/trigger/decide.ts';
import { notDefined } from '../../domain/trigger/parse-raise.ts';
import type { TriggerState } from '../../domain/trigger/state.ts';
import { decider, millisecondsUntil, type Call, type Decide } from '../decider/decider.ts';
import { newSalt } from '../decider/salt.ts';
import type { Turn } from '../decider/turn.ts';
import { appendRaise } from './append-raise.ts';
import { prepare, type RaiseContext } from './prepare.ts';
import { answer, rejected, type RaiseResult } from './raise-result.ts';
import { requestHash } from './request-hash.ts';
import { isRequestOf } from './same-request.ts';
import { triggerDecider, UNWRITABLE } from './trigger-decider.ts';

const claimDecider = decider<Claim | undefined, IdempotencyEvent>({
  codec: idempotencyCodec,
  initial: undefined,
  evolve: (claim, event) => claim ?? event.data,
  unwritable: UNWRITABLE,
});

/** A raise under an idempotency key. */
type Keyed = {
  readonly key: string;
  /** What the client sent. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly stream: string;
  readonly deadline: number;
  readonly call: Call;
  readonly turn: Turn | undefined;
};

/** Appends the claim first, then the trigger; a repeat completes a call that crashed between the two. */
export async function raiseKeyed(
  context: RaiseContext,
  command: RaiseTrigger,
  keyed: Keyed,
): Promise<RaiseResult> {
  const { key, input, stream, deadline, call, turn } = keyed;
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
  if (!(await isRequestOf(context, claim, command.request, input, call))) {
    const message = 'this idempotency key was used for another request';
    return { outcome: 'idempotency_conflict', message };
  }
  // The claim holds the first call's request with its defaults.
  const request = claimedRequest(claim);
  const definition = context.definitions.get(request.triggerType);
  if (definition === undefined) return rejected(notDefined(context.definitions));
  const first = await prepare(context, { request, definition }, call);
  if (!first.ok) return rejected(first.error);
  const { command: same } = first.value;
  const again = { ...same, stream: claim.triggerStream, claimed: claim.occurrence };
  // A repeat has the event ids of the first call: appended at the same revision, the store would take it for the
  // first call. So only the first call goes on from what it has read.
  const isFirst = found === undefined && claim.occurrence === 1;
  const loaded = isFirst && claim.triggerStream === command.stream ? await loading : undefined;
  const deadlineMs = millisecondsUntil(context.runtime, deadline);
  // The same for every call under this claim, and no hash of the request without its salt.
  const { userId, triggerType } = request;
  const commandId = keyedCommandId(userId, triggerType, key, claim.requestHash);
  return appendRaise(context, again, { ...call, commandId, deadlineMs, loaded, turn });
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

// A raise: from a client's input to events in streams.
import { idempotencyStream } from '../../domain/idempotency/events.ts';
import type { RaiseTrigger } from '../../domain/trigger/decide.ts';
import { parseRaise } from '../../domain/trigger/parse-raise.ts';
import { deadlineMsOf, type Call } from '../decider/decider.ts';
import { appendRaise } from './append-raise.ts';
import { raiseKeyed } from './idempotency-key.ts';
import { prepare, type RaiseContext } from './prepare.ts';
import { rejected, type RaiseResult } from './raise-result.ts';
import { reported } from './report-raise.ts';
import type { UserTurn } from './user-order.ts';

/** Raises a trigger: once per scope while it is active, once per idempotency key for ever. */
export function raise(
  context: RaiseContext,
  input: unknown,
  call: Call,
  turn?: UserTurn,
): Promise<RaiseResult> {
  return reported(context.telemetry, call, (traced) => raiseNow(context, input, traced, turn));
}

async function raiseNow(
  context: RaiseContext,
  input: unknown,
  call: Call,
  turn: UserTurn | undefined,
): Promise<RaiseResult> {
  const { now, newId } = context.runtime;
  const commandId = newId();
  const defaults = { now: now(), traceId: `trace_active_trigger_${commandId}` };
  const parsed = parseRaise(input, context.definitions, defaults);
  if (!parsed.ok) return rejected(parsed.error);
  const prepared = await prepare(context, parsed.value, call);
  if (!prepared.ok) return rejected(prepared.error);
  const { sent } = parsed.value;
  return raisePrepared(context, prepared.value.command, { input: sent, commandId, call, turn });
}

export async function raisePrepared(
  context: RaiseContext,
  command: RaiseTrigger,
  of: {
    /** What the client sent; a key belongs to it. */
    readonly input: Readonly<Record<string, unknown>>;
    readonly commandId: string;
    readonly call: Call;
    /** The turn among raises of the same user. */
    readonly turn?: UserTurn | undefined;
  },
): Promise<RaiseResult> {
  const { idempotencyKey: key } = command.request;
  const { call, turn } = of;
  if (key === undefined) {
    // Behind others on their way, a conflict with an assumed state would cost the raise its place.
    const assumeNew = turn === undefined || (await turn.reading([command.stream]));
    return appendRaise(context, command, { ...call, commandId: of.commandId, assumeNew, turn });
  }
  const stream = idempotencyStream(context.kernel, command.request, key);
  await turn?.reading([stream, command.stream]);
  const deadline = context.runtime.elapsed() + deadlineMsOf(call);
  return raiseKeyed(context, command, { key, input: of.input, stream, deadline, call, turn });
}

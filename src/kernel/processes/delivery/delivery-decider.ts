// Executes commands on a delivery. Of two workers, only one can append the start of an attempt.
import type { Position } from '../../../domain/core/positions.ts';
import { ok, type Result } from '../../../domain/core/result.ts';
import {
  decideDelivery,
  type DeliveryCommand,
  type DeliveryRejection,
  type DeliveryRules,
} from '../../../domain/delivery/decide.ts';
import { deliveryCodec, type DeliveryEvent } from '../../../domain/delivery/events.ts';
import { evolveDelivery, type DeliveryState } from '../../../domain/delivery/state.ts';
import {
  decider,
  type CommandCall,
  type Decide,
  type KernelContext,
  type Loaded,
} from '../../decider/decider.ts';

export const deliveryDecider = decider<DeliveryState, DeliveryEvent>({
  codec: deliveryCodec,
  initial: undefined,
  evolve: evolveDelivery,
  unwritable: {
    code: 'record_unwritable',
    hint: 'Check the event store. Delivery goes on when it is back.',
  },
});

export type DeliveryContext = Pick<KernelContext, 'store' | 'runtime'> & {
  readonly rules: DeliveryRules;
  readonly actor: string;
};

export type ChangedDelivery = {
  readonly events: readonly DeliveryEvent[];
  readonly position: Position | undefined;
  /** The delivery after the command; `undefined` when the stream must be read. */
  readonly after: Loaded<DeliveryState> | undefined;
};

/** Executes one command. Throws `unavailable` for an unknown outcome: load the delivery again. */
export async function changeDelivery(
  context: DeliveryContext,
  stream: string,
  command: DeliveryCommand,
  {
    loaded,
    deadlineMs,
    traceparent,
  }: Pick<CommandCall<DeliveryState>, 'loaded' | 'deadlineMs' | 'traceparent'> = {},
): Promise<Result<ChangedDelivery, DeliveryRejection>> {
  let before: DeliveryState;
  const decide: Decide<
    DeliveryState,
    DeliveryEvent,
    readonly DeliveryEvent[],
    DeliveryRejection
  > = (state, { recordedAt }) => {
    before = state;
    const decided = decideDelivery(state, command, { recordedAt, rules: context.rules });
    return decided.ok ? ok({ events: decided.value, answer: decided.value }) : decided;
  };
  const result = await deliveryDecider.transactOrThrow(context, stream, decide, {
    ...chainOf(command, stream),
    actor: context.actor,
    assumeNew: command.kind === 'accept',
    deadlineMs,
    traceparent,
    loaded,
  });
  if (!result.ok) return result;
  const { answer: events, position, end } = result.value;
  const state = events.reduce(evolveDelivery, before);
  const after = end && { ...end, state, position, ids: new Set<string>() };
  return ok({ events, position, after });
}

function chainOf(command: DeliveryCommand, stream: string) {
  return command.kind === 'accept'
    ? { correlationId: command.facts.triggerId, causationId: command.facts.source.event }
    : { correlationId: stream, causationId: stream };
}

// Commands to a delivery record, and reading it. Every append states the exact revision: of two workers
// that mean to begin the same attempt one is told that it lost (W9).
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
import { decider, type Decide, type KernelContext, type Loaded } from '../../decider/decider.ts';

export const deliveryDecider = decider<DeliveryState, DeliveryEvent>({
  codec: deliveryCodec,
  initial: undefined,
  evolve: evolveDelivery,
  unwritable: {
    code: 'record_unwritable',
    hint: 'Check the event store. Delivery goes on when it is back.',
  },
});

/** What commands on records need. */
export type RecordContext = Pick<KernelContext, 'store' | 'runtime'> & {
  readonly rules: DeliveryRules;
  /** Who acts, for the record. */
  readonly actor: string;
};

/** What a command led to. */
export type Told = {
  readonly events: readonly DeliveryEvent[];
  readonly position: Position | undefined;
  /** The record as it is now; `undefined` when it has to be read to know. */
  readonly after: Loaded<DeliveryState> | undefined;
};

export type TellOptions = {
  /** The record as the caller knows it; it is read when another has written to it since. */
  readonly loaded?: Loaded<DeliveryState> | undefined;
  readonly deadlineMs?: number;
};

/**
 * Executes one command on a record.
 *
 * @throws TocsinError `unavailable` when nobody knows what became of it: look at the record again
 */
export async function tell(
  context: RecordContext,
  stream: string,
  command: DeliveryCommand,
  { loaded, deadlineMs }: TellOptions = {},
): Promise<Result<Told, DeliveryRejection>> {
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
    loaded,
  });
  if (!result.ok) return result;
  const { answer: events, position, end } = result.value;
  const state = events.reduce(evolveDelivery, before);
  return ok({
    events,
    position,
    after: end && { ...end, state, position, ids: new Set<string>() },
  });
}

function chainOf(command: DeliveryCommand, stream: string) {
  return command.kind === 'accept'
    ? { correlationId: command.facts.triggerId, causationId: command.facts.source.event }
    : { correlationId: stream, causationId: stream };
}

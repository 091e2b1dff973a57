// Commands to a delivery record, and reading it. Every append states the exact revision: of two workers
// that mean to begin the same attempt one is told that it lost (W9).
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Position } from '../../../domain/core/positions.ts';
import { err, ok, type Result } from '../../../domain/core/result.ts';
import {
  decideDelivery,
  type DeliveryCommand,
  type DeliveryRejection,
  type DeliveryRules,
} from '../../../domain/delivery/decide.ts';
import { deliveryCodec, type DeliveryEvent } from '../../../domain/delivery/events.ts';
import { evolveDelivery, type DeliveryState } from '../../../domain/delivery/state.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import {
  execute,
  load,
  type Aggregate,
  type ExecuteContext,
  type Loaded,
} from '../../decider/execute.ts';

/** The delivery record, as the kernel executes commands on it. */
export const deliveryAggregate: Aggregate<DeliveryState, DeliveryEvent> = {
  codec: deliveryCodec,
  initial: undefined,
  evolve: evolveDelivery,
};

/** What commands to records take from their surroundings. */
export type RecordContext = ExecuteContext & {
  readonly rules: DeliveryRules;
  /** A random UUID per call. */
  readonly newId: () => string;
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

/** Reads a record. */
export async function loadDelivery(
  store: Pick<EventStore, 'readStream'>,
  stream: string,
): Promise<Loaded<DeliveryState>> {
  return load({ store }, { aggregate: deliveryAggregate, stream });
}

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
  const commandId = context.newId();
  let before: DeliveryState;
  const result = await execute(context, {
    aggregate: deliveryAggregate,
    stream,
    metadata: { commandId, actor: context.actor, ...chainOf(command, stream) },
    assumeNew: command.kind === 'accept',
    deadlineMs,
    ...(loaded === undefined ? {} : { loaded }),
    decide: (state, { recordedAt }) => {
      before = state;
      const decided = decideDelivery(state, command, { recordedAt, rules: context.rules });
      return decided.ok ? ok({ events: decided.value, answer: decided.value }) : decided;
    },
  });
  switch (result.kind) {
    case 'done': {
      const { answer: events, position, end } = result;
      const state = events.reduce(evolveDelivery, before);
      const after = end && { ...end, state, position, ids: new Set<string>() };
      return ok({ events, position, after });
    }
    case 'rejected':
      return err(result.rejection);
    default:
      throw unwritable(stream, result.kind);
  }
}

function chainOf(command: DeliveryCommand, stream: string) {
  return command.kind === 'accept'
    ? { correlationId: command.facts.triggerId, causationId: command.facts.source.event }
    : { correlationId: stream, causationId: stream };
}

function unwritable(stream: string, kind: string): TocsinError {
  return new TocsinError('unavailable', 'record_unwritable', `delivery record ${stream}: ${kind}`, {
    hint: 'The event store gave no answer or refused; check it. Delivery goes on when it is back.',
  });
}

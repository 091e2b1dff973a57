// Deliveries as people ask for them: listed from the worker's list, looked at and redriven by their
// records. Whoever names a user is told of that user's only.
import type { Instant } from '../domain/core/instants.ts';
import { deliveryCodec, type DeliveryEvent } from '../domain/delivery/events.ts';
import type { DeliveryRejection } from '../domain/delivery/decide.ts';
import { TocsinError } from '../domain/core/errors.ts';
import type { Clock } from '../domain/ports/clock.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import type {
  DeliveryIndexReader,
  DeliveryQuery,
  DeliveryRow,
  ListedDelivery,
} from './processes/delivery/delivery-index.ts';
import { systemRuntime } from './decider/runtime.ts';
import { recordContext } from './processes/delivery/processes.ts';
import { tell } from './processes/delivery/record.ts';

/** One event of a record. */
export type DeliveryHistoryEvent = { readonly event: DeliveryEvent; readonly recordedAt: Instant };

export type DeliveryView = DeliveryRow & { readonly steps: readonly DeliveryHistoryEvent[] };

export type RedriveResult =
  | { readonly outcome: 'redriven' }
  | { readonly outcome: 'not_found' }
  | ({ readonly outcome: 'rejected' } & DeliveryRejection);

/** What became of notifications. Every method throws `unavailable` where there is no list. */
export interface Deliveries {
  /** The newest first. */
  list(query: DeliveryQuery): readonly ListedDelivery[];
  /** `undefined` when there is none, or none of that user's. */
  get(notificationId: string, userId: string | undefined): Promise<DeliveryView | undefined>;
  /** Sends a dead or skipped one again, as long as it is of use. */
  redrive(
    notificationId: string,
    userId: string | undefined,
    call: { readonly reason: string; readonly actor: string },
  ): Promise<RedriveResult>;
}

/**
 * Deliveries over a log and a list.
 *
 * @param options.index the list, opened when it is there; a worker makes it
 */
export function createDeliveries({
  store,
  clock,
  index,
}: {
  readonly store: EventStore;
  readonly clock?: Clock;
  readonly index: () => DeliveryIndexReader | undefined;
}): Deliveries {
  const opened = (): DeliveryIndexReader => {
    const list = index();
    if (list === undefined) throw noList();
    return list;
  };
  const own = (notificationId: string, userId: string | undefined): DeliveryRow | undefined => {
    const row = opened().get(notificationId);
    return userId === undefined || row?.userId === userId ? row : undefined;
  };
  return {
    list: (query) => opened().list(query),
    async get(notificationId, userId) {
      const row = own(notificationId, userId);
      if (row === undefined) return undefined;
      const steps: DeliveryHistoryEvent[] = [];
      for await (const page of store.readStream(row.stream, { direction: 'forwards' })) {
        for (const recorded of page) {
          const decoded = deliveryCodec.decode(recorded);
          if (decoded.kind !== 'event') continue;
          const { event, metadata } = decoded;
          steps.push({ event, recordedAt: metadata.recordedAt });
        }
      }
      return { ...row, steps };
    },
    async redrive(notificationId, userId, { reason, actor }) {
      const row = own(notificationId, userId);
      if (row === undefined) return { outcome: 'not_found' };
      const command = { kind: 'redrive', reason, of: 'ended' } as const;
      const records = recordContext({ store, actor, surroundings: systemRuntime(clock) });
      const told = await tell(records, row.stream, command);
      return told.ok ? { outcome: 'redriven' } : { outcome: 'rejected', ...told.error };
    },
  };
}

function noList(): TocsinError {
  return new TocsinError('unavailable', 'no_delivery_list', 'there is no list of deliveries yet', {
    hint: 'A worker makes it; start one with the same --worker folder.',
  });
}

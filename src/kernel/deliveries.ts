// Lists, shows and redrives deliveries. A call that names a user sees only the deliveries of this user.
import type { Instant } from '../domain/core/instants.ts';
import { deliveryCodec, type DeliveryEvent } from '../domain/delivery/events.ts';
import type { DeliveryRejection } from '../domain/delivery/decide.ts';
import { TocsinError } from '../domain/core/errors.ts';
import type { Clock } from '../domain/ports/runtime.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import type {
  DeliveryIndexReader,
  DeliveryQuery,
  DeliveryRow,
  ListedDelivery,
} from './processes/delivery/delivery-index.ts';
import { systemRuntime } from './decider/runtime.ts';
import { deliveryContext } from './processes/delivery/processes.ts';
import { changeDelivery } from './processes/delivery/delivery-decider.ts';

export type DeliveryHistoryEvent = { readonly event: DeliveryEvent; readonly recordedAt: Instant };

export type DeliveryView = DeliveryRow & { readonly events: readonly DeliveryHistoryEvent[] };

export type RedriveResult =
  | { readonly outcome: 'redriven' }
  | { readonly outcome: 'not_found' }
  | ({ readonly outcome: 'rejected' } & DeliveryRejection);

/** Every method throws `unavailable` without a list. */
export interface Deliveries {
  /** The newest first. */
  list(query: DeliveryQuery): readonly ListedDelivery[];
  /** `undefined` for an unknown delivery, or a delivery of another user. */
  get(notificationId: string, userId: string | undefined): Promise<DeliveryView | undefined>;
  /** Sends a dead or skipped notification again, before it expires. */
  redrive(
    notificationId: string,
    userId: string | undefined,
    call: { readonly reason: string; readonly actor: string },
  ): Promise<RedriveResult>;
}

/** Deliveries over a log and a list. @param options.index opens the list, once; `undefined` until a worker has created it. Its caller closes it */
export function createDeliveries({
  store,
  clock,
  index,
}: {
  readonly store: EventStore;
  readonly clock?: Clock;
  readonly index: () => DeliveryIndexReader | undefined;
}): Deliveries {
  let list: DeliveryIndexReader | undefined;
  const opened = (): DeliveryIndexReader => {
    // Opened once: each reader has files open.
    list ??= index();
    if (list !== undefined) return list;
    const hint = 'A worker creates the list: start a worker with the same --worker folder.';
    const message = 'the list of deliveries does not exist yet';
    throw new TocsinError('unavailable', 'no_delivery_list', message, { hint });
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
      const events: DeliveryHistoryEvent[] = [];
      for await (const page of store.readStream(row.stream, { direction: 'forwards' })) {
        for (const recorded of page) {
          const decoded = deliveryCodec.decode(recorded);
          if (decoded.kind !== 'event') continue;
          const { event, metadata } = decoded;
          events.push({ event, recordedAt: metadata.recordedAt });
        }
      }
      return { ...row, events };
    },
    async redrive(notificationId, userId, { reason, actor }) {
      const row = own(notificationId, userId);
      if (row === undefined) return { outcome: 'not_found' };
      const command = { kind: 'redrive', reason, of: 'ended' } as const;
      const records = deliveryContext({ store, actor, runtime: systemRuntime(clock) });
      const result = await changeDelivery(records, row.stream, command);
      return result.ok ? { outcome: 'redriven' } : { outcome: 'rejected', ...result.error };
    },
  };
}

// Lists, shows and redrives deliveries. A call that names a user sees only the deliveries of this user.
import type { Instant } from '../domain/core/instants.ts';
import { deliveryCodec, type DeliveryEvent } from '../domain/delivery/events.ts';
import type { DeliveryRejection } from '../domain/delivery/decide.ts';
import { TocsinError } from '../domain/core/errors.ts';
import { checkedNumber } from '../domain/core/options.ts';
import type { Clock } from '../domain/ports/runtime.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import type {
  DeliveryFilter,
  DeliveryGroup,
  DeliveryIndexReader,
  DeliveryMinute,
  DeliveryQuery,
  DeliveryRow,
  ListedDelivery,
} from './processes/delivery/delivery-index.ts';
import { systemRuntime } from './decider/runtime.ts';
import { deliveryContext } from './processes/delivery/processes.ts';
import { changeDelivery } from './processes/delivery/delivery-decider.ts';
import {
  pacer,
  REDRIVES_PER_SECOND,
  redriveMatching,
  type RedriveCall,
  type RedriveCounts,
  type RedriveFilter,
} from './processes/delivery/redrive-matching.ts';

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
  /** How many deliveries match, by status, channel and reason; the largest groups first, at most 1,000. */
  groups(filter: DeliveryFilter): readonly DeliveryGroup[];
  /** Ended deliveries per minute by status, from one instant on and before another, in order. */
  perMinute(from: Instant, to: Instant): readonly DeliveryMinute[];
  /** A row of the list alone, without its history. `undefined` for an unknown delivery. */
  find(notificationId: string): DeliveryRow | undefined;
  /** `undefined` for an unknown delivery, or a delivery of another user. */
  get(notificationId: string, userId: string | undefined): Promise<DeliveryView | undefined>;
  /** Sends a dead or skipped notification again, before it expires. */
  redrive(
    notificationId: string,
    userId: string | undefined,
    call: { readonly reason: string; readonly actor: string },
  ): Promise<RedriveResult>;
  /**
   * Redrives the deliveries that match, the newest first, at the rate of `redrivesPerSecond`. A second call continues the
   * first: it appends nothing for a delivery that is under way.
   *
   * @throws TocsinError `unavailable` for an unknown outcome
   */
  redriveMatching(
    filter: RedriveFilter,
    call: RedriveCall & {
      readonly actor: string;
      /** True: only counts; those that have not expired count as redriven. */
      readonly dryRun?: boolean | undefined;
    },
  ): Promise<RedriveCounts>;
}

/** Deliveries over a log and a list. @param options.index opens the list, once; `undefined` until a worker has created it. Its caller closes it. @param options.redrivesPerSecond limits `redriveMatching`, all calls together; default 10 */
export function createDeliveries({
  store,
  clock,
  index,
  redrivesPerSecond = REDRIVES_PER_SECOND,
}: {
  readonly store: EventStore;
  readonly clock?: Clock;
  readonly index: () => DeliveryIndexReader | undefined;
  readonly redrivesPerSecond?: number;
}): Deliveries {
  checkedNumber('redrivesPerSecond', redrivesPerSecond, [0.001, 1_000_000], 'any');
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
  const pace = pacer(systemRuntime(), redrivesPerSecond);
  return {
    list: (query) => opened().list(query),
    groups: (filter) => opened().groups(filter),
    perMinute: (from, to) => opened().perMinute(from, to),
    find: (notificationId) => opened().get(notificationId),
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
    async redriveMatching(filter, { actor, dryRun = false, ...call }) {
      const runtime = systemRuntime(clock);
      const records = dryRun ? undefined : deliveryContext({ store, actor, runtime });
      return redriveMatching(records, { ...runtime, index: opened(), pace }, filter, call);
    },
  };
}

// Reads the events that an explanation is made of: single events and short streams, never the whole log.
import { controlCodec, type ControlEvent } from '../../../domain/control/events.ts';
import type { Codec } from '../../../domain/core/codec.ts';
import { controlStream } from '../../../domain/core/ids.ts';
import type { EventMetadata } from '../../../domain/core/envelope.ts';
import { deliveryCodec, type DeliveryEvent } from '../../../domain/delivery/events.ts';
import { deliveryStream } from '../../../domain/delivery/stream.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import {
  triggerCodec,
  type TriggerEvent,
  type TriggerEventData,
} from '../../../domain/trigger/events.ts';
import type { VerdictRow } from '../../read-model.ts';
import type { ReadableLog, VerdictLookup } from '../reading/ports.ts';

/** The most events read from one stream: no trigger or delivery has more. */
const MAX_STREAM_EVENTS = 1_000;

export type Found<E> = {
  readonly event: E;
  readonly metadata: EventMetadata;
  readonly recorded: RecordedEvent;
};

export type StreamReader = Pick<ReadableLog, 'readStream'>;

export type ExplainSources = {
  readonly log: StreamReader;
  readonly kernel: string;
  readonly verdicts: VerdictLookup;
};

/** A request for a notification, and the verdict about it. */
export type DecidedRequest = {
  readonly row: VerdictRow;
  readonly found: Found<TriggerEvent>;
  readonly data: TriggerEventData<'NotificationRequested'>;
};

/** A trigger stream's events; those that cannot be read are left out. */
export async function triggerEvents(
  log: StreamReader,
  stream: string,
): Promise<Found<TriggerEvent>[]> {
  return decodedOf(triggerCodec, await eventsOf(log, stream));
}

/** The trigger event at a revision; `undefined` when there is none, or when it cannot be read. */
export async function triggerEventAt(
  log: StreamReader,
  stream: string,
  revision: bigint,
): Promise<Found<TriggerEvent> | undefined> {
  const [found] = decodedOf(triggerCodec, await eventsOf(log, stream, revision, 1));
  return found?.recorded.revision === revision ? found : undefined;
}

/** The request that a verdict is about; `undefined` when it cannot be read. */
export async function requestOf(
  log: StreamReader,
  row: VerdictRow,
): Promise<DecidedRequest | undefined> {
  const found = await triggerEventAt(log, row.stream, row.revision);
  if (found?.event.type !== 'NotificationRequested') return undefined;
  return { row, found, data: found.event.data };
}

/** The events of a notification's delivery; none when no worker has accepted it. */
export async function deliveryEvents(
  log: StreamReader,
  kernel: string,
  user: string,
  notificationId: string,
): Promise<Found<DeliveryEvent>[]> {
  const stream = deliveryStream(kernel, user, notificationId);
  return decodedOf(deliveryCodec, await eventsOf(log, stream));
}

/** The whole control stream; its length does not depend on the length of the log. */
export async function controlEvents(
  log: StreamReader,
  kernel: string,
): Promise<Found<ControlEvent>[]> {
  return decodedOf(controlCodec, await eventsOf(log, controlStream(kernel), 0n, Infinity));
}

function decodedOf<E extends { readonly type: string }>(
  codec: Pick<Codec<E>, 'decode'>,
  recordedEvents: readonly RecordedEvent[],
): Found<E>[] {
  return recordedEvents.flatMap((recorded) => {
    const decoded = codec.decode(recorded);
    return decoded.kind === 'event' ? [{ ...decoded, recorded }] : [];
  });
}

async function eventsOf(
  log: StreamReader,
  stream: string,
  from = 0n,
  most = MAX_STREAM_EVENTS,
): Promise<RecordedEvent[]> {
  const maxCount = Number.isFinite(most) ? most : undefined;
  const events: RecordedEvent[] = [];
  for await (const page of log.readStream(stream, { direction: 'forwards', from, maxCount })) {
    events.push(...page);
  }
  return events;
}

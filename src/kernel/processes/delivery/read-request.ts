// Reads a notification request from the log. The log alone is trusted, never the message.
import { z } from 'zod';
import { categoryPrefix, messageId } from '../../../domain/core/ids.ts';
import { err, ok, type Result } from '../../../domain/core/result.ts';
import type { Json } from '../../../domain/core/json.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { DeliveryEventData } from '../../../domain/delivery/events.ts';
import type { EventStore } from '../../../domain/ports/event-store.ts';
import { triggerCodec, type TriggerEventData } from '../../../domain/trigger/events.ts';

/** The rule that makes the notification id from the source event. */
export const NOTIFICATION_RULE = 'notification.requested';

export type RequestLocation = { readonly stream: string; readonly revision: string };

export type FoundRequest = {
  readonly notificationId: string;
  readonly event: RecordedEvent;
  readonly request: TriggerEventData<'NotificationRequested'>;
  /** The payload of its trigger. */
  readonly payload: Json | undefined;
  /** `undefined` while its preview is open. */
  readonly previewEnding: string | undefined;
};

export type NoRequest = 'foreign_stream' | 'no_event' | 'other_event' | 'unreadable';

const Ended = z.object({ previewId: z.string(), ending: z.string().regex(/^[a-z0-9_]{1,32}$/) });

/** What the record of a delivery says of its request. */
export function factsOf({
  notificationId,
  event,
  request,
}: Pick<
  FoundRequest,
  'notificationId' | 'event' | 'request'
>): DeliveryEventData<'NotificationAccepted'> {
  const { userId, triggerType, mock, channel, triggerId, previewId } = request;
  const { requestedAt, expiresAt } = request;
  const about = { notificationId, userId, triggerType, mock, channel, triggerId, previewId };
  const source = { event: event.id, stream: event.stream, revision: String(event.revision) };
  return { ...about, source, requestedAt, expiresAt };
}

export async function readRequest(
  store: Pick<EventStore, 'readStream'>,
  kernel: string,
  { stream, revision: at }: RequestLocation,
): Promise<Result<FoundRequest, NoRequest>> {
  if (!stream.startsWith(categoryPrefix(kernel, 'trigger'))) return err('foreign_stream');
  const revision = BigInt(at);
  let raised: RecordedEvent | undefined;
  let found: Omit<FoundRequest, 'previewEnding' | 'payload'> | undefined;
  let previewEnding: string | undefined;
  // A raise appends its trigger, the preview and the request together, so one read gives all three.
  const from = revision < WITH_TRIGGER ? 0n : revision - WITH_TRIGGER;
  for await (const page of store.readStream(stream, { direction: 'forwards', from })) {
    for (const event of page) {
      if (found !== undefined) previewEnding ??= endingOf(event, found.request.previewId);
      else if (event.revision < revision) raised = event.type === 'TriggerRaised' ? event : raised;
      else {
        if (event.revision !== revision) return err('no_event');
        if (event.type !== 'NotificationRequested') return err('other_event');
        const decoded = triggerCodec.decode(event);
        if (decoded.kind !== 'event' || decoded.event.type !== 'NotificationRequested') {
          return err('unreadable');
        }
        const request = decoded.event.data;
        found = { notificationId: messageId(event.id, NOTIFICATION_RULE), event, request };
      }
    }
  }
  if (found === undefined) return err('no_event');
  const { triggerId } = found.request;
  const payload =
    payloadOf(raised, triggerId) ?? (await readPayload(store, stream, revision, triggerId));
  return ok({ ...found, payload: payload?.value, previewEnding });
}

/** How far before its request an inline evaluation has its trigger. */
const WITH_TRIGGER = 2n;

type Payload = { readonly value: Json | undefined };

function payloadOf(event: RecordedEvent | undefined, triggerId: string): Payload | undefined {
  const decoded = event?.type === 'TriggerRaised' ? triggerCodec.decode(event) : undefined;
  if (decoded?.kind !== 'event' || decoded.event.type !== 'TriggerRaised') return undefined;
  const { data } = decoded.event;
  return data.triggerId === triggerId ? { value: data.personal.payload } : undefined;
}

/** The payload of a trigger that was evaluated later than it was raised. */
async function readPayload(
  store: Pick<EventStore, 'readStream'>,
  stream: string,
  from: bigint,
  triggerId: string,
): Promise<Payload | undefined> {
  for await (const page of store.readStream(stream, { direction: 'backwards', from })) {
    for (const event of page) {
      const payload = payloadOf(event, triggerId);
      if (payload !== undefined) return payload;
    }
  }
  return undefined;
}

function endingOf(event: RecordedEvent, previewId: string): string | undefined {
  if (event.type !== 'PreviewEnded') return undefined;
  const parsed = Ended.safeParse(event.data);
  return parsed.success && parsed.data.previewId === previewId ? parsed.data.ending : undefined;
}

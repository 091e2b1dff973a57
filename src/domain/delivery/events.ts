// The events of a delivery: its acceptance, each attempt, and its end. Waiting in a queue is not an event.
// An attempt starts with an event, which is the fence between workers.
import { z } from 'zod';
import { createCodec, type EventData, type EventOf } from '../core/codec.ts';
import { InstantCodec, textUpTo } from '../core/envelope.ts';
import { ChannelSchema, NameSchema } from '../core/vocabulary.ts';
import { StoredIdSchema } from '../core/identity.ts';
import { cleanText } from '../core/text.ts';

const Code = z.string().regex(/^[a-z0-9_]{1,64}$/);

export const MAX_DETAIL = 512;

/** The notification of the event; enough for the dedupe fold to find its window. */
const about = {
  notificationId: z.uuid(),
  userId: StoredIdSchema,
  triggerType: NameSchema,
  mock: z.boolean(),
};

const attempt = { ...about, attempt: z.int().min(1) };

/** A detail for people, already redacted and cut. */
const Detail = textUpTo(MAX_DETAIL).optional();

export const DELIVERY_EVENTS = {
  NotificationAccepted: z.object({
    ...about,
    channel: ChannelSchema,
    triggerId: textUpTo(128),
    previewId: textUpTo(128),
    /** Where the request is in the log; texts and links are read from there, never copied. */
    source: z.object({
      event: z.uuid(),
      stream: textUpTo(512),
      revision: z.string().regex(/^\d{1,19}$/),
    }),
    requestedAt: InstantCodec,
    expiresAt: InstantCodec,
  }),
  AttemptStarted: z.object({
    ...attempt,
    /** Any worker that finds the attempt open a margin after this records its outcome as unknown. */
    leaseUntil: InstantCodec,
    channelVersion: z.int().min(1),
  }),
  AttemptSucceeded: z.object({
    ...attempt,
    /** The code in the provider's answer, as the sender reads it. */
    code: textUpTo(64).optional(),
    providerMessageId: textUpTo(128).optional(),
    /** True when the outcome came after the lease expired or was recorded as unknown. */
    late: z.boolean().optional(),
  }),
  /** Without `nextAt` the next event says what follows. */
  AttemptFailed: z.object({
    ...attempt,
    code: Code,
    detail: Detail,
    /** The provider may have sent the message although its answer does not say so. */
    suspect: z.boolean().optional(),
    late: z.boolean().optional(),
    nextAt: InstantCodec.optional(),
  }),
  /** The message may have been sent: the call was cut off, or its worker is gone. */
  AttemptOutcomeUnknown: z.object({
    ...attempt,
    code: Code,
    detail: Detail,
    nextAt: InstantCodec.optional(),
  }),
  /** A wait that uses up no attempt: a rate limit, an open breaker, or a provider that asks to wait. */
  DeliveryDeferred: z.object({
    ...about,
    until: InstantCodec,
    reason: Code,
    detail: Detail,
    /** The attempt that the provider throttled; it does not count. */
    attempt: z.int().min(1).optional(),
  }),
  /** The user has no open channel. The notification keeps its window. */
  DeliverySkipped: z.object({ ...about, reason: Code }),
  /** `doubtful`: the outcome of an attempt is unknown or suspect, so the message may have been sent. */
  DeliveryDied: z.object({ ...about, reason: Code, detail: Detail, doubtful: z.boolean() }),
  DeliveryExpired: z.object({ ...about, doubtful: z.boolean() }),
  /**
   * Its preview ended before the notification was delivered. `doubtful` is present when its trigger was cancelled: the
   * window is then released, unless the message may have been sent.
   */
  DeliveryCancelled: z.object({ ...about, reason: Code, doubtful: z.boolean().optional() }),
  /** An operator, or the kernel after a channel was configured, sends again; it takes its window again. */
  DeliveryRedriven: z.object({ ...about, reason: textUpTo(256) }),
};

export type DeliveryEvent = EventOf<typeof DELIVERY_EVENTS>;

export type DeliveryEventData<T extends DeliveryEvent['type']> = EventData<DeliveryEvent, T>;

export const deliveryCodec = createCodec(DELIVERY_EVENTS, {
  mustUnderstand: ['DeliveryCancelled', 'DeliveryRedriven'],
});

/** A code in snake_case, made of any text. */
export function codeOf(text: string): string {
  const code = text
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '_')
    .slice(0, 64);
  return code === '' ? 'unspecified' : code;
}

/** A detail of at most {@link MAX_DETAIL} characters; `undefined` for an empty one. */
export function detailOf(text: string): string | undefined {
  return cleanText(text.trim(), MAX_DETAIL);
}

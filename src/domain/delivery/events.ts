// The delivery record of one notice: what was tried to tell a person, and how it ended. Waiting in a
// queue is not an event; an attempt begins with one, which is the fence between workers (W1, W9).
import { z } from 'zod';
import { createCodec, type EventOf } from '../core/codec.ts';
import { InstantCodec, textUpTo } from '../core/envelope.ts';
import { CHANNELS, TriggerTypeSchema } from '../core/vocabulary.ts';
import { StoredIdSchema } from '../core/identity.ts';

/** Stable codes in snake_case: why something happened. */
const Code = z.string().regex(/^[a-z0-9_]{1,64}$/);

/** Longest detail, in UTF-16 units. */
export const MAX_DETAIL = 512;

/** Which notice an event is about; enough for the fold to find the window that it holds. */
const about = {
  notificationId: z.uuid(),
  userId: StoredIdSchema,
  triggerType: TriggerTypeSchema,
  mock: z.boolean(),
};

const attempt = { ...about, attempt: z.int().min(1) };

/** A detail for people: redacted and cut before it gets here. */
const Detail = textUpTo(MAX_DETAIL).optional();

const NotificationAccepted = {
  type: 'NotificationAccepted',
  version: 1,
  schema: z.object({
    ...about,
    channel: z.enum(CHANNELS),
    triggerId: textUpTo(128),
    previewId: textUpTo(128),
    /** Where the request is; texts and links are read from there, never copied. */
    source: z.object({
      event: z.uuid(),
      stream: textUpTo(512),
      revision: z.string().regex(/^\d{1,19}$/),
    }),
    requestedAt: InstantCodec,
    expiresAt: InstantCodec,
  }),
} as const;

const AttemptStarted = {
  type: 'AttemptStarted',
  version: 1,
  schema: z.object({
    ...attempt,
    /** Whoever finds the attempt open after this, and a margin, records its outcome as unknown. */
    leaseUntil: InstantCodec,
    channelVersion: z.int().min(1),
  }),
} as const;

const AttemptSucceeded = {
  type: 'AttemptSucceeded',
  version: 1,
  schema: z.object({
    ...attempt,
    /** What the provider said, as its channel's adapter reads it. */
    code: textUpTo(64).optional(),
    providerMessageId: textUpTo(128).optional(),
    /** True when the outcome came after the lease had run out, or after the attempt was given up. */
    late: z.boolean().optional(),
  }),
} as const;

/** Without `nextAt` nothing follows from it by itself: what comes next is told by the event after it. */
const AttemptFailed = {
  type: 'AttemptFailed',
  version: 1,
  schema: z.object({
    ...attempt,
    code: Code,
    detail: Detail,
    /** The provider may have acted although it did not say so. */
    suspect: z.boolean().optional(),
    late: z.boolean().optional(),
    nextAt: InstantCodec.optional(),
  }),
} as const;

/** Nobody knows whether the person was told: the call was cut off, or whoever made it is gone. */
const AttemptOutcomeUnknown = {
  type: 'AttemptOutcomeUnknown',
  version: 1,
  schema: z.object({ ...attempt, code: Code, detail: Detail, nextAt: InstantCodec.optional() }),
} as const;

/** A wait that uses up no attempt: rate limit, open breaker, a provider that asks for patience. */
const DeliveryDeferred = {
  type: 'DeliveryDeferred',
  version: 1,
  schema: z.object({
    ...about,
    until: InstantCodec,
    reason: Code,
    detail: Detail,
    /** The attempt that the provider turned away; it does not count. */
    attempt: z.int().min(1).optional(),
  }),
} as const;

/** There was nowhere to send it. It keeps its window. */
const DeliverySkipped = {
  type: 'DeliverySkipped',
  version: 1,
  schema: z.object({ ...about, reason: Code }),
} as const;

/** `doubtful`: an attempt's outcome is unknown or suspect, so the person may have been told. */
const DeliveryDied = {
  type: 'DeliveryDied',
  version: 1,
  schema: z.object({ ...about, reason: Code, detail: Detail, doubtful: z.boolean() }),
} as const;

const DeliveryExpired = {
  type: 'DeliveryExpired',
  version: 1,
  schema: z.object({ ...about, doubtful: z.boolean() }),
} as const;

/** What it was about has ended before it was delivered. */
const DeliveryCancelled = {
  type: 'DeliveryCancelled',
  version: 1,
  schema: z.object({ ...about, reason: Code }),
} as const;

/** Somebody, or the kernel after a channel was configured, sends it again; it takes its window again. */
const DeliveryRedriven = {
  type: 'DeliveryRedriven',
  version: 1,
  schema: z.object({ ...about, reason: textUpTo(256) }),
} as const;

/** Every event type of the delivery records. */
export const DELIVERY_EVENTS = [
  NotificationAccepted,
  AttemptStarted,
  AttemptSucceeded,
  AttemptFailed,
  AttemptOutcomeUnknown,
  DeliveryDeferred,
  DeliverySkipped,
  DeliveryDied,
  DeliveryExpired,
  DeliveryCancelled,
  DeliveryRedriven,
] as const;

export type DeliveryEvent = EventOf<(typeof DELIVERY_EVENTS)[number]>;

/** The data of one of the record's event types. */
export type DeliveryEventData<T extends DeliveryEvent['type']> = Extract<
  DeliveryEvent,
  { type: T }
>['data'];

export const deliveryCodec = createCodec(DELIVERY_EVENTS);

// The events of `tocsin.control`: everything that a replay needs besides the users' streams. A verdict
// depends on these events and on the users' streams only.
import { z } from 'zod';
import { createCodec, type EventData, type EventOf } from '../core/codec.ts';
import { InstantCodec, PositionCodec, textUpTo } from '../core/envelope.ts';
import { ANY_TYPE } from '../policy/in-force.ts';
import { NameSchema } from '../core/vocabulary.ts';
import { PolicySchema } from '../policy/policy.ts';

const IntegerCodec = z.codec(z.string().regex(/^-?\d{1,19}$/), z.bigint(), {
  decode: (text) => BigInt(text),
  encode: String,
});

/** A trigger type, or `*` for all types without their own entry. */
export const TypeOrAnySchema = z.union([z.literal(ANY_TYPE), NameSchema], {
  error: 'must be a trigger type (1 to 64 characters of a-z 0-9 _) or *',
});

/** Why an operator decides something. */
export const ReasonSchema = z
  .string({ error: 'is required: it tells later readers of the log why this was done' })
  .trim()
  .pipe(textUpTo(512));

export const CONTROL_EVENTS = {
  StoreInitialised: z.object({ storeId: z.uuid() }),
  /** From here on, requests are decided under this ruleset. Code that does not know it stops. */
  RulesetActivated: z.object({ ruleset: z.int().min(1) }),
  /**
   * An output begins. This record in the log shows a lost read model or a foreign JetStream stream before
   * messages are sent twice.
   */
  OutputOpened: z.object({
    stream: textUpTo(256),
    /** Creation time of the JetStream stream, as the server states it. */
    created: textUpTo(64),
    /** Messages of events after this position are sent: the log's beginning, this event, or a position. */
    publishFrom: z.union([z.enum(['start', 'here']), PositionCodec]),
    /** Message n of the output has the sequence base + n. */
    base: IntegerCodec,
    mode: z.enum(['first', 'from_start', 'from_now', 'resend_from', 'adopt_tail']),
    reason: textUpTo(512).optional(),
  }),
  /** An operator's decision about a parked event. A retried event is decided at this event's position. */
  ParkResolved: z.object({
    event: z.uuid(),
    stream: textUpTo(512),
    revision: IntegerCodec,
    action: z.enum(['retry', 'drop']),
    reason: textUpTo(512).optional(),
  }),
  /**
   * An operator lets a request through that a mute has suppressed. It is decided again at this event's position, without
   * mutes and staleness.
   */
  RequestReleased: z.object({
    event: z.uuid(),
    stream: textUpTo(512),
    revision: IntegerCodec,
    reason: textUpTo(512),
  }),
  /** From here on, requests of this type are decided under this policy. */
  NotificationPolicySet: z.object({
    triggerType: TypeOrAnySchema,
    policy: PolicySchema,
    reason: textUpTo(512),
  }),
  /** Requests of this type that are recorded before `until` are suppressed. */
  NotificationsMuted: z.object({
    triggerType: TypeOrAnySchema,
    until: InstantCodec,
    reason: textUpTo(512),
  }),
  /** Ends a mute before its time. */
  NotificationsUnmuted: z.object({ triggerType: TypeOrAnySchema, reason: textUpTo(512) }),
};

export type ControlEvent = EventOf<typeof CONTROL_EVENTS>;

export type ControlEventData<T extends ControlEvent['type']> = EventData<ControlEvent, T>;

/** All but the records of the log's id and of outputs decide verdicts. */
export const controlCodec = createCodec(CONTROL_EVENTS, {
  mustUnderstand: [
    'RulesetActivated',
    'ParkResolved',
    'RequestReleased',
    'NotificationPolicySet',
    'NotificationsMuted',
    'NotificationsUnmuted',
  ],
});

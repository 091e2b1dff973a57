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

const HashSchema = z.string().regex(/^[0-9a-f]{64}$/);

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
  /**
   * A file holds all events of the log after the file before it and up to a position. From here on, closed streams whose
   * events are all up to there may be missing in the log: whoever reads it from its beginning reads the files first.
   */
  LogArchived: z.object({
    /** The position of the last event of the file. */
    upTo: PositionCodec,
    /** All its events were recorded before this time. */
    before: InstantCodec,
    /** The events of the file. */
    events: z.int().min(1),
    /** The Merkle tree of the log up to there: its size, its root, and the hashes that it goes on from. */
    tree: z.object({
      size: z.int().min(1),
      root: HashSchema,
      peaks: z.array(HashSchema).min(1).max(64),
    }),
    /** The hash of the file's manifest, which covers the whole file, and the name that the file had. */
    hash: HashSchema,
    file: textUpTo(256),
  }),
};

export type ControlEvent = EventOf<typeof CONTROL_EVENTS>;

export type ControlEventData<T extends ControlEvent['type']> = EventData<ControlEvent, T>;

/** All but the records of the log's id and of outputs decide verdicts, or say where the events of verdicts are. */
export const controlCodec = createCodec(CONTROL_EVENTS, {
  mustUnderstand: [
    'RulesetActivated',
    'ParkResolved',
    'RequestReleased',
    'NotificationPolicySet',
    'NotificationsMuted',
    'NotificationsUnmuted',
    'LogArchived',
  ],
});

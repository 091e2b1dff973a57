// What can have happened to a trigger. The stream of these events is also the outbox: there is no
// second write that a crash could lose (W2).
import { z } from 'zod';
import { createCodec, type EventOf } from '../core/codec.ts';
import { InstantCodec, JsonSchema, textUpTo } from '../core/envelope.ts';
import { StoredIdSchema } from '../core/identity.ts';
import {
  CandidateSchema,
  ChangeSchema,
  MAX_CANDIDATES,
  MAX_CHANGES,
} from '../preview/candidates.ts';
import { isSiteRelativePath } from '../texts.ts';
import { CHANNELS, TARGET_TYPES, TRIGGER_SOURCES, TRIGGER_TYPE } from './names.ts';
import { quickRaised, quickRequested } from './quick.ts';
import { SEVERITIES } from './severity.ts';

export { CHANNELS, TARGET_TYPES, TRIGGER_SOURCES };

export const PREVIEW_KINDS = ['proposal', 'question', 'reminder'] as const;

/** Entries of a timetable that one apply names. */
export const MAX_APPLIED_EVENTS = 1024;
export const PREVIEW_ENDINGS = ['applied', 'dismissed', 'expired'] as const;

/** A trigger type's name. */
export const TriggerTypeSchema = z
  .string()
  .regex(TRIGGER_TYPE, { error: 'must be 1 to 64 characters of a-z 0-9 _' });

/** Which occurrence in its stream an event belongs to. */
const occurrence = { triggerId: textUpTo(128), occurrence: z.int().min(1) };

const target = {
  triggerType: TriggerTypeSchema,
  targetType: z.enum(TARGET_TYPES),
  targetId: StoredIdSchema,
};

const TriggerRaised = {
  type: 'TriggerRaised',
  version: 1,
  schema: z.object({
    ...occurrence,
    userId: StoredIdSchema,
    ...target,
    source: z.enum(TRIGGER_SOURCES),
    feedbackId: textUpTo(128).optional(),
    idempotencyKey: textUpTo(191).optional(),
    jobId: textUpTo(64).optional(),
    dedupeKey: textUpTo(512),
    traceId: textUpTo(64),
    requestedAt: InstantCodec,
    severity: z.enum(SEVERITIES).optional(),
    /** Present exactly for mock triggers. */
    mockNow: InstantCodec.optional(),
    /** Present when somebody asked for a preview and wants nobody to be told of it. */
    quiet: z.literal(true).optional(),
    personal: z.object({ payload: JsonSchema.optional() }),
  }),
} as const;

const PreviewOffered = {
  type: 'PreviewOffered',
  version: 1,
  schema: z.object({
    ...occurrence,
    previewId: textUpTo(128),
    userId: StoredIdSchema,
    kind: z.enum(PREVIEW_KINDS),
    offeredAt: InstantCodec,
    /** The preview has ended when now >= expiresAt. */
    expiresAt: InstantCodec,
    /** The candidate that a plain yes confirms. */
    candidateId: textUpTo(256).optional(),
    /** What the timetable was when the candidates were found, as the evaluator hashes it (W25). */
    baseVersion: textUpTo(128).optional(),
    personal: z.object({
      summary: z.string(),
      candidates: z.array(CandidateSchema).max(MAX_CANDIDATES).optional(),
      snapshot: JsonSchema.optional(),
    }),
  }),
} as const;

const NotificationRequested = {
  type: 'NotificationRequested',
  version: 1,
  schema: z.object({
    ...occurrence,
    previewId: textUpTo(128),
    userId: StoredIdSchema,
    ...target,
    channel: z.enum(CHANNELS),
    targetUrl: z.string().refine(isSiteRelativePath, { error: 'is not a site-relative path' }),
    traceId: textUpTo(64),
    /** The trigger's requestedAt: the axis of the dedupe window. */
    triggerRequestedAt: InstantCodec,
    /** When this request was built. */
    requestedAt: InstantCodec,
    expiresAt: InstantCodec,
    mock: z.boolean(),
    /** The trigger's: what a policy may let through although the window is held. */
    severity: z.enum(SEVERITIES).optional(),
    personal: z.object({ summary: z.string(), fallbackText: z.string() }),
  }),
} as const;

const ended = z.object({ ...occurrence, reason: textUpTo(256) });

const TriggerClosed = { type: 'TriggerClosed', version: 1, schema: ended } as const;

/** Words of the host's code or of a user, for people to read; they may be about anybody. */
const Detail = z.object({ detail: textUpTo(512).optional() });

/** A stable code in snake_case. */
const Code = z.string().regex(/^[a-z0-9_]{1,64}$/);

const TriggerRejected = {
  type: 'TriggerRejected',
  version: 1,
  schema: ended.extend({ code: Code }),
} as const;

const TriggerEvaluationFailed = {
  type: 'TriggerEvaluationFailed',
  version: 1,
  schema: z.object({
    ...occurrence,
    /** Counts the evaluations of this occurrence that failed, from 1. */
    attempt: z.int().min(1),
    code: Code,
    /** When it is evaluated again; absent after the last time. */
    retryAt: InstantCodec.optional(),
    personal: Detail,
  }),
} as const;

const TriggerAbandoned = {
  type: 'TriggerAbandoned',
  version: 1,
  schema: ended.extend({ code: Code, attempts: z.int().min(1) }),
} as const;

const preview = { ...occurrence, previewId: textUpTo(128), userId: StoredIdSchema };

const apply = {
  ...preview,
  applyId: textUpTo(64),
  candidateId: textUpTo(256),
  traceId: textUpTo(64),
  /** Copied from the offer, so that an index over these events needs no other. */
  expiresAt: InstantCodec,
};

/** Somebody said yes: the fence between those who would apply it (W25). */
const ApplyStarted = {
  type: 'ApplyStarted',
  version: 1,
  schema: z.object({
    ...apply,
    /** Above 1, somebody carries on what another left open. */
    attempt: z.int().min(1),
    idempotencyKey: textUpTo(191),
    requestHash: z.string().regex(/^[0-9a-f]{64}$/),
    /** Whoever finds it open after this, and a margin, carries it on under the same apply id. */
    leaseUntil: InstantCodec,
    personal: z.object({ changes: z.array(ChangeSchema).max(MAX_CHANGES) }),
  }),
} as const;

const ApplySucceeded = {
  type: 'ApplySucceeded',
  version: 1,
  schema: z.object({
    ...apply,
    appliedEventIds: z.array(textUpTo(128)).min(1).max(MAX_APPLIED_EVENTS),
  }),
} as const;

const ApplyFailed = {
  type: 'ApplyFailed',
  version: 1,
  schema: z.object({ ...apply, code: Code, personal: Detail }),
} as const;

/** Nothing is open any more, and nobody is told of it any more. */
const PreviewEnded = {
  type: 'PreviewEnded',
  version: 1,
  schema: z.object({
    ...preview,
    ending: z.enum(PREVIEW_ENDINGS),
    applyId: textUpTo(64).optional(),
    personal: Detail.optional(),
  }),
} as const;

const DuplicateRaised = {
  type: 'DuplicateRaised',
  version: 1,
  schema: z.object({ ...occurrence, source: z.enum(TRIGGER_SOURCES), requestedAt: InstantCodec }),
} as const;

/** Every event type of the trigger streams. */
export const TRIGGER_EVENTS = [
  TriggerRaised,
  PreviewOffered,
  NotificationRequested,
  TriggerClosed,
  TriggerRejected,
  TriggerEvaluationFailed,
  TriggerAbandoned,
  ApplyStarted,
  ApplySucceeded,
  ApplyFailed,
  PreviewEnded,
  DuplicateRaised,
] as const;

export type TriggerEvent = EventOf<(typeof TRIGGER_EVENTS)[number]>;

/** The data of one of the trigger's event types. */
export type TriggerEventData<T extends TriggerEvent['type']> = Extract<
  TriggerEvent,
  { type: T }
>['data'];

/** The host's answer to a yes. */
export type ApplyOutcomeEvent = Extract<TriggerEvent, { type: 'ApplySucceeded' | 'ApplyFailed' }>;

export const triggerCodec = createCodec(TRIGGER_EVENTS, {
  TriggerRaised: quickRaised,
  NotificationRequested: quickRequested,
});

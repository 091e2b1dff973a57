// The fields by which an event names its trigger: as schemas, and as a check without a schema.
import { z } from 'zod';
import { InstantCodec, JsonSchema, textUpTo } from './envelope.ts';
import { isStoredId, StoredIdSchema } from './identity.ts';
import { isCount, isOneOf, isOptionalText, isText, quickInstant } from './quick.ts';
import { SEVERITIES } from './severity.ts';
import { ChannelSchema, isName, NameSchema } from './vocabulary.ts';

/** Which occurrence in its stream an event belongs to. */
export const occurrenceFields = { triggerId: textUpTo(128), occurrence: z.int().min(1) };

export const targetFields = {
  triggerType: NameSchema,
  targetType: NameSchema,
  targetId: StoredIdSchema,
};

/** A request to raise a trigger, as the events of the raise hold it. */
export const requestFields = {
  userId: StoredIdSchema,
  ...targetFields,
  source: NameSchema,
  feedbackId: textUpTo(128).optional(),
  /** What the trigger is about besides its target, where the definition's dedupe scope needs it. */
  scopeKey: textUpTo(128).optional(),
  /** The channel that the request named. */
  channel: ChannelSchema.optional(),
  idempotencyKey: textUpTo(191).optional(),
  jobId: textUpTo(64).optional(),
  traceId: textUpTo(64),
  requestedAt: InstantCodec,
  severity: z.enum(SEVERITIES).optional(),
  /** Present exactly for mock triggers. */
  mockNow: InstantCodec.optional(),
  /** Present when a preview was requested without a notification. */
  quiet: z.literal(true).optional(),
  personal: z.object({ payload: JsonSchema.optional() }),
};

/** Text from the host's code or from a user, for people to read; it may contain personal data. */
export const DetailSchema = z.object({ detail: textUpTo(512).optional() });

const RARE = ['mockNow', 'quiet', 'scopeKey', 'channel'] as const;

/** {@link requestFields} of stored data except `personal`; `undefined` leaves the data to the schema. */
export function quickRequestFields(data: Readonly<Record<string, unknown>>) {
  const { userId, triggerType, targetType, targetId, traceId, source, severity } = data;
  const { feedbackId, idempotencyKey, jobId } = data;
  const requestedAt = quickInstant(data['requestedAt']);
  if (requestedAt === undefined || !isStoredId(userId) || !isStoredId(targetId)) return undefined;
  if (!isName(triggerType) || !isName(targetType) || !isName(source)) return undefined;
  if (!isText(traceId, 64) || !isOptionalText(feedbackId, 128)) return undefined;
  if (!isOptionalText(idempotencyKey, 191) || !isOptionalText(jobId, 64)) return undefined;
  // Rare fields: the schema reads these events.
  if (RARE.some((field) => data[field] !== undefined)) return undefined;
  if (severity !== undefined && !isOneOf(severity, SEVERITIES)) return undefined;
  return {
    ...{ userId, triggerType, targetType, targetId, traceId, source, requestedAt },
    ...(feedbackId === undefined ? {} : { feedbackId }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(jobId === undefined ? {} : { jobId }),
    ...(severity === undefined ? {} : { severity }),
  };
}

/** {@link occurrenceFields}, {@link targetFields}, user and trace of stored data (see quick.ts). */
export function quickTriggerFields(data: Readonly<Record<string, unknown>>) {
  const { triggerId, occurrence, userId, triggerType, targetType, targetId, traceId } = data;
  if (!isText(triggerId, 128) || !isCount(occurrence) || !isStoredId(userId)) return undefined;
  if (!isName(triggerType) || !isName(targetType)) return undefined;
  if (!isStoredId(targetId) || !isText(traceId, 64)) return undefined;
  return { triggerId, occurrence, userId, triggerType, targetType, targetId, traceId };
}

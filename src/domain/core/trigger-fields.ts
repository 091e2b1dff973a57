// The fields by which an event names its trigger: as schemas, and as a check without a schema.
import { z } from 'zod';
import { textUpTo } from './envelope.ts';
import { isStoredId, StoredIdSchema } from './identity.ts';
import { isCount, isOneOf, isText } from './quick.ts';
import { isTriggerType, TARGET_TYPES, TriggerTypeSchema } from './vocabulary.ts';

/** Which occurrence in its stream an event belongs to. */
export const occurrenceFields = { triggerId: textUpTo(128), occurrence: z.int().min(1) };

export const targetFields = {
  triggerType: TriggerTypeSchema,
  targetType: z.enum(TARGET_TYPES),
  targetId: StoredIdSchema,
};

/** Text from the host's code or from a user, for people to read; it may contain personal data. */
export const DetailSchema = z.object({ detail: textUpTo(512).optional() });

/** {@link occurrenceFields}, {@link targetFields}, user and trace of stored data (see quick.ts). */
export function quickTriggerFields(data: Readonly<Record<string, unknown>>) {
  const { triggerId, occurrence, userId, triggerType, targetType, targetId, traceId } = data;
  if (!isText(triggerId, 128) || !isCount(occurrence) || !isStoredId(userId)) return undefined;
  if (!isTriggerType(triggerType) || !isOneOf(targetType, TARGET_TYPES)) return undefined;
  if (!isStoredId(targetId) || !isText(traceId, 64)) return undefined;
  return { triggerId, occurrence, userId, triggerType, targetType, targetId, traceId };
}

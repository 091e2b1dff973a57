// The two events that every request for a notification has, read by hand-written checks where they are
// just as we write them (see ../core/quick.ts). Every log is full of them.
import { isStoredId } from '../core/identity.ts';
import { isJson } from '../core/json.ts';
import { isCount, isFields, isOneOf, isOptionalText, isText, quickInstant } from '../core/quick.ts';
import { isSiteRelativePath } from '../texts.ts';
import { CHANNELS, isTriggerType, TARGET_TYPES, TRIGGER_SOURCES } from './names.ts';
import { SEVERITIES } from './severity.ts';

/** Fields as they came. */
type Fields = Readonly<Record<string, unknown>>;

/** What both events say about whom and what they are. */
function aboutOf(data: Fields) {
  const { triggerId, occurrence, userId, triggerType, targetType, targetId, traceId } = data;
  if (!isText(triggerId, 128) || !isCount(occurrence) || !isStoredId(userId)) return undefined;
  if (!isTriggerType(triggerType) || !isOneOf(targetType, TARGET_TYPES)) return undefined;
  if (!isStoredId(targetId) || !isText(traceId, 64)) return undefined;
  return { triggerId, occurrence, userId, triggerType, targetType, targetId, traceId };
}

/** `TriggerRaised`, or `undefined` where the schema has to look. */
export function quickRaised(data: Fields) {
  const about = aboutOf(data);
  const requestedAt = quickInstant(data['requestedAt']);
  const { source, feedbackId, idempotencyKey, jobId, dedupeKey, severity, personal } = data;
  if (about === undefined || requestedAt === undefined) return undefined;
  if (!isOneOf(source, TRIGGER_SOURCES) || !isText(dedupeKey, 512)) return undefined;
  if (!isOptionalText(feedbackId, 128) || !isOptionalText(idempotencyKey, 191)) return undefined;
  if (!isOptionalText(jobId, 64) || data['mockNow'] !== undefined) return undefined;
  if (severity !== undefined && !isOneOf(severity, SEVERITIES)) return undefined;
  if (!isFields(personal)) return undefined;
  const { payload } = personal;
  if (payload !== undefined && !isJson(payload)) return undefined;
  return {
    ...about,
    source,
    dedupeKey,
    requestedAt,
    personal: payload === undefined ? {} : { payload },
    ...(feedbackId === undefined ? {} : { feedbackId }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(jobId === undefined ? {} : { jobId }),
    ...(severity === undefined ? {} : { severity }),
  };
}

/** `NotificationRequested`, or `undefined` where the schema has to look. */
export function quickRequested(data: Fields) {
  const about = aboutOf(data);
  const { previewId, channel, targetUrl, mock, severity, personal } = data;
  const triggerRequestedAt = quickInstant(data['triggerRequestedAt']);
  const requestedAt = quickInstant(data['requestedAt']);
  const expiresAt = quickInstant(data['expiresAt']);
  if (about === undefined || triggerRequestedAt === undefined) return undefined;
  if (requestedAt === undefined || expiresAt === undefined) return undefined;
  if (!isText(previewId, 128) || !isOneOf(channel, CHANNELS)) return undefined;
  if (typeof targetUrl !== 'string' || !isSiteRelativePath(targetUrl)) return undefined;
  if (typeof mock !== 'boolean') return undefined;
  if (severity !== undefined && !isOneOf(severity, SEVERITIES)) return undefined;
  if (!isFields(personal)) return undefined;
  const { summary, fallbackText } = personal;
  if (typeof summary !== 'string' || typeof fallbackText !== 'string') return undefined;
  return {
    ...about,
    previewId,
    channel,
    targetUrl,
    triggerRequestedAt,
    requestedAt,
    expiresAt,
    mock,
    personal: { summary, fallbackText },
    ...(severity === undefined ? {} : { severity }),
  };
}

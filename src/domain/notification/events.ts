// `NotificationRequested`: the request for a notification, one of the events of a trigger's stream.
import { z } from 'zod';
import { InstantCodec, textUpTo } from '../core/envelope.ts';
import { StoredIdSchema } from '../core/identity.ts';
import { isFields, isOneOf, isText, quickInstant } from '../core/quick.ts';
import { occurrenceFields, quickTriggerFields, targetFields } from '../core/trigger-fields.ts';
import { ChannelSchema, isChannel } from '../core/vocabulary.ts';
import { SEVERITIES } from '../core/severity.ts';

/** The longest link, in characters. */
export const MAX_PATH = 255;

/**
 * True for a link inside the host's own site: absolute path, no scheme, no host, no climbing, no
 * character that ends a URL in text.
 */
export function isSiteRelativePath(path: string): boolean {
  return (
    path.length <= MAX_PATH &&
    /^\/[A-Za-z0-9/_.~%?=&+@-]*$/.test(path) &&
    !path.startsWith('//') &&
    !/(?:^|\/)\.{1,2}(?:\/|$)/.test(path)
  );
}

/** The data of the event. */
export const NotificationRequested = z.object({
  ...occurrenceFields,
  previewId: textUpTo(128),
  userId: StoredIdSchema,
  ...targetFields,
  channel: ChannelSchema,
  /** Absent when the trigger type has no link. */
  targetUrl: z
    .string()
    .refine(isSiteRelativePath, { error: 'is not a site-relative path' })
    .optional(),
  traceId: textUpTo(64),
  /** The trigger's requestedAt: the axis of the dedupe window. */
  triggerRequestedAt: InstantCodec,
  /** When this request was built. */
  requestedAt: InstantCodec,
  expiresAt: InstantCodec,
  mock: z.boolean(),
  /** The trigger's: a policy may let a higher one through although the window is held. */
  severity: z.enum(SEVERITIES).optional(),
  personal: z.object({ summary: z.string(), fallbackText: z.string() }),
});

export type NotificationRequest = z.output<typeof NotificationRequested>;

/** Reads `NotificationRequested` without its schema (see ../core/quick.ts). */
export function quickRequested(
  data: Readonly<Record<string, unknown>>,
): NotificationRequest | undefined {
  const fields = quickTriggerFields(data);
  const { previewId, channel, targetUrl, mock, severity, personal } = data;
  const triggerRequestedAt = quickInstant(data['triggerRequestedAt']);
  const requestedAt = quickInstant(data['requestedAt']);
  const expiresAt = quickInstant(data['expiresAt']);
  if (fields === undefined || triggerRequestedAt === undefined) return undefined;
  if (requestedAt === undefined || expiresAt === undefined) return undefined;
  if (!isText(previewId, 128) || !isChannel(channel)) return undefined;
  // Without a link, the schema reads the event.
  if (typeof targetUrl !== 'string' || !isSiteRelativePath(targetUrl)) return undefined;
  if (typeof mock !== 'boolean') return undefined;
  if (severity !== undefined && !isOneOf(severity, SEVERITIES)) return undefined;
  if (!isFields(personal)) return undefined;
  const { summary, fallbackText } = personal;
  if (typeof summary !== 'string' || typeof fallbackText !== 'string') return undefined;
  return {
    ...fields,
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

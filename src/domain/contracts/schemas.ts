// The schemas of the published contracts, version 1, in snake_case. Consumers parse with them. The
// projection does not validate at run time; its tests do.
import { z } from 'zod';
import { parseInstant } from '../core/instants.ts';
import type { CHANNELS } from '../core/vocabulary.ts';
import { TARGET_TYPES, TRIGGER_SOURCES, TriggerTypeSchema } from '../core/vocabulary.ts';
import { isSiteRelativePath } from '../notification/events.ts';
import { JsonSchema, textUpTo } from '../core/envelope.ts';

const Id = z.union([z.int().positive(), z.string().regex(/^[A-Za-z0-9._@-]{1,64}$/)]);

const Rfc3339 = z
  .string()
  .refine((text) => parseInstant(text).ok, { error: 'is not an RFC 3339 instant' })
  .meta({ format: 'date-time' });

const target = {
  trigger_type: TriggerTypeSchema,
  target_type: z.enum(TARGET_TYPES),
  target_id: Id,
};

/** `active_schedule.triggered`, version 1. */
export const ActiveScheduleTriggered = z.object({
  trigger_id: textUpTo(128),
  user_id: Id,
  ...target,
  source: z.enum(TRIGGER_SOURCES),
  feedback_id: textUpTo(128).optional(),
  idempotency_key: textUpTo(191).optional(),
  dedupe_key: textUpTo(512).optional(),
  trace_id: textUpTo(64).optional(),
  mock_now: Rfc3339.optional(),
  is_mock_time: z.boolean(),
  requested_at: Rfc3339,
  payload: JsonSchema.optional(),
  mock: z.literal(true).optional(),
});

export type ActiveScheduleTriggered = z.infer<typeof ActiveScheduleTriggered>;

/** `notification.feishu.requested` and `notification.webhook.requested`, version 1. */
export const NotificationRequested = z.object({
  notification_id: z.uuid(),
  user_id: Id,
  preview_id: textUpTo(128),
  trigger_id: textUpTo(128),
  ...target,
  dedupe_key: textUpTo(512),
  target_url: z.string().refine(isSiteRelativePath, { error: 'is not a site-relative path' }),
  summary_text: z.string().min(1).optional(),
  fallback_text: z.string().min(1).optional(),
  trace_id: textUpTo(64).optional(),
  requested_at: Rfc3339,
  expires_at: Rfc3339.optional(),
  mock: z.literal(true).optional(),
});

export type NotificationRequested = z.infer<typeof NotificationRequested>;

const applied = {
  preview_id: textUpTo(128),
  apply_id: textUpTo(64),
  user_id: Id,
  trigger_id: textUpTo(128),
  candidate_id: textUpTo(256),
  trace_id: textUpTo(64).optional(),
};

/** An entry of a timetable: a JSON number exactly when it is a positive integer up to 2^53-1. */
const EntryId = z.union([z.int().positive(), textUpTo(128)]);

/** `schedule.apply.succeeded`, version 1. */
export const ScheduleApplySucceeded = z.object({
  ...applied,
  applied_event_ids: z.array(EntryId).min(1),
  apply_status: z.literal('applied'),
});

export type ScheduleApplySucceeded = z.infer<typeof ScheduleApplySucceeded>;

/** `schedule.apply.failed`, version 1. */
export const ScheduleApplyFailed = z.object({
  ...applied,
  apply_status: z.literal('failed'),
  error_code: textUpTo(64),
});

export type ScheduleApplyFailed = z.infer<typeof ScheduleApplyFailed>;

/** The contracts by name (`ce-type`). */
export const CONTRACTS = {
  'active_schedule.triggered': ActiveScheduleTriggered,
  'notification.feishu.requested': NotificationRequested,
  'notification.webhook.requested': NotificationRequested,
  'schedule.apply.succeeded': ScheduleApplySucceeded,
  'schedule.apply.failed': ScheduleApplyFailed,
} as const satisfies Record<string, z.ZodType> &
  Record<`notification.${(typeof CHANNELS)[number]}.requested`, z.ZodType>;

export type ContractName = keyof typeof CONTRACTS;

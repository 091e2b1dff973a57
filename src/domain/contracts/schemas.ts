// The schemas of the published contracts, version 1, in snake_case. Consumers parse with them. The
// projection does not validate at run time; its tests do.
import { z } from 'zod';
import { parseInstant } from '../core/instants.ts';
import { NameSchema, type RaisedContract } from '../core/vocabulary.ts';
import { isSiteRelativePath } from '../notification/events.ts';
import { JsonSchema, textUpTo } from '../core/envelope.ts';
import { StoredIdSchema } from '../core/identity.ts';
import { MAX_DEDUPE_KEY } from '../trigger/events.ts';

const Id = z.union([z.int().positive(), StoredIdSchema]);

const Rfc3339 = z
  .string()
  .refine((text) => parseInstant(text).ok, { error: 'is not an RFC 3339 instant' })
  .meta({ format: 'date-time' });

const target = {
  trigger_type: NameSchema,
  target_type: NameSchema,
  target_id: Id,
};

/** `trigger.raised` and `active_schedule.triggered`, version 1. */
export const TriggerRaised = z.object({
  trigger_id: textUpTo(128),
  user_id: Id,
  ...target,
  source: NameSchema,
  feedback_id: textUpTo(128).optional(),
  idempotency_key: textUpTo(191).optional(),
  scope_key: textUpTo(128).optional(),
  dedupe_key: textUpTo(MAX_DEDUPE_KEY).optional(),
  trace_id: textUpTo(64).optional(),
  mock_now: Rfc3339.optional(),
  is_mock_time: z.boolean(),
  requested_at: Rfc3339,
  payload: JsonSchema.optional(),
  mock: z.literal(true).optional(),
});

export type TriggerRaised = z.infer<typeof TriggerRaised>;

/** `notification.{channel}.requested` of every channel, version 1. */
export const NotificationRequested = z.object({
  notification_id: z.uuid(),
  user_id: Id,
  preview_id: textUpTo(128),
  trigger_id: textUpTo(128),
  ...target,
  /** Names the window that it opened; under a policy without windows it is unique. */
  dedupe_key: textUpTo(MAX_DEDUPE_KEY),
  target_url: z
    .string()
    .refine(isSiteRelativePath, { error: 'is not a site-relative path' })
    .optional(),
  summary_text: z.string().min(1).optional(),
  fallback_text: z.string().min(1).optional(),
  trace_id: textUpTo(64).optional(),
  requested_at: Rfc3339,
  expires_at: Rfc3339.optional(),
  /** Requests of the same dedupe key that were suppressed since the notification before; absent when there is none. */
  suppressed_since: z.object({ count: z.int().min(1), first_at: Rfc3339 }).optional(),
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

/** The contracts by name (`ce-type`), besides those of notifications. Both of raised triggers have the same data. */
export const CONTRACTS = {
  'trigger.raised': TriggerRaised,
  'active_schedule.triggered': TriggerRaised,
  'schedule.apply.succeeded': ScheduleApplySucceeded,
  'schedule.apply.failed': ScheduleApplyFailed,
} as const satisfies Record<string, z.ZodType> & Record<RaisedContract, z.ZodType>;

/** The contract of a channel's notifications; the schema of all is {@link NotificationRequested}. */
export type NotificationContract = `notification.${string}.requested`;

export type ContractName = keyof typeof CONTRACTS | NotificationContract;

// The closed lists of words that describe triggers and notifications, and the form of their names.
import { z } from 'zod';

export const TRIGGER_SOURCES = ['worker_due_job', 'api_trigger', 'user_feedback'] as const;
export const TARGET_TYPES = ['task_pool', 'schedule_event', 'task_item'] as const;
export const CHANNELS = ['feishu', 'webhook'] as const;

const NAME = /^[a-z0-9_]{1,64}$/;

export const TriggerTypeSchema = z
  .string()
  .regex(NAME, { error: 'must be 1 to 64 characters of a-z 0-9 _' });

export function isTriggerType(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

/** A stable code in snake_case: why something failed, or what kind of thing it is. */
export const CodeSchema = z.string().regex(NAME, { error: 'is not a code of a-z 0-9 _' });

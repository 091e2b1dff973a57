// The closed lists of words that triggers are described with.

export const TRIGGER_SOURCES = ['worker_due_job', 'api_trigger', 'user_feedback'] as const;
export const TARGET_TYPES = ['task_pool', 'schedule_event', 'task_item'] as const;
export const CHANNELS = ['feishu', 'webhook'] as const;

/** The form of a trigger type's name. */
export const TRIGGER_TYPE = /^[a-z0-9_]{1,64}$/;

/** True for a trigger type's name. */
export function isTriggerType(value: unknown): value is string {
  return typeof value === 'string' && TRIGGER_TYPE.test(value);
}

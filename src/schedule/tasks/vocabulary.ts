// The words of the schedule product: where its triggers come from, and what they are about.

export const TRIGGER_SOURCES = ['worker_due_job', 'api_trigger', 'user_feedback'] as const;
export const TARGET_TYPES = ['task_pool', 'schedule_event', 'task_item'] as const;

// The trigger types of the schedule product. Their links lead to pages of its web application.
import { defineTrigger, type TriggerDefinition } from '../domain/trigger/definitions.ts';
import { scheduleTexts } from './texts.ts';

const link = (previewId: string): string => `/schedule-adjust/${previewId}`;

/** `important_urgent_task` and `unfinished_feedback`, for {@link openKernel}'s `triggers`. */
export const scheduleTriggers: readonly TriggerDefinition[] = [
  defineTrigger({ type: 'important_urgent_task', scope: 'target', channel: 'feishu', link }),
  defineTrigger({ type: 'unfinished_feedback', scope: 'feedback', channel: 'feishu', link }),
];

/** The trigger types with their English texts: options of a kernel and of `evaluationProcess`. */
export const scheduleProduct = { triggers: scheduleTriggers, texts: scheduleTexts.en } as const;

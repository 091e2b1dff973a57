// The trigger types of the schedule product. Their previews open in the product's web pages.
import { defineTrigger, type TriggerDefinition } from '../domain/trigger/definitions.ts';
import { scheduleTexts } from './texts.ts';

const link = (previewId: string): string => `/schedule-adjust/${previewId}`;

/** `important_urgent_task` and `unfinished_feedback`, for {@link openKernel}'s `triggers`. */
export const scheduleTriggers: readonly TriggerDefinition[] = [
  defineTrigger({ type: 'important_urgent_task', scope: 'target', channel: 'feishu', link }),
  defineTrigger({ type: 'unfinished_feedback', scope: 'feedback', channel: 'feishu', link }),
];

/** What a kernel and its worker processes need to know of the product, with English texts. */
export const scheduleProduct = { triggers: scheduleTriggers, texts: scheduleTexts.en } as const;

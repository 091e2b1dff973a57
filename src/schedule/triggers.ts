// The trigger types of the schedule product. Their links lead to pages of its web application.
import { defineTrigger, type TriggerDefinition } from '../domain/trigger/definitions.ts';
import { TARGET_TYPES, TRIGGER_SOURCES } from './tasks/vocabulary.ts';
import { scheduleTexts } from './texts.ts';

const common = {
  sources: TRIGGER_SOURCES,
  targets: TARGET_TYPES,
  mockSources: ['api_trigger'],
  expiresIn: '1h',
  summaryLinks: 'blank',
  contract: 'active_schedule.triggered',
  link: ({ previewId }: { readonly previewId: string }): string => `/schedule-adjust/${previewId}`,
} as const;

/** `important_urgent_task` and `unfinished_feedback`, for {@link openKernel}'s `triggers`. */
export const scheduleTriggers: readonly TriggerDefinition[] = [
  defineTrigger({ ...common, type: 'important_urgent_task', scope: 'target' }),
  defineTrigger({ ...common, type: 'unfinished_feedback', scope: 'feedback' }),
];

/** The trigger types with their English texts and their channel: options of a kernel and of `evaluationProcess`. */
export const scheduleProduct = {
  triggers: scheduleTriggers,
  texts: scheduleTexts.en,
  channel: 'feishu',
} as const;

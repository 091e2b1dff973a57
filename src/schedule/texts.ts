// Every sentence of the schedule product, in English and in Chinese.
import { cutCodePoints, oneLine } from '../domain/core/text.ts';
import type { Texts } from '../domain/notification/texts.ts';

/** The sentences of one language. */
export type ScheduleTexts = Texts & {
  /** The task evaluator's summaries, by reason code; `{title}` stands for the task's or block's title. */
  readonly reasons: Readonly<Record<string, string>>;
};

const en: ScheduleTexts = {
  summaries: {
    important_urgent_task: 'An important and urgent task still needs a place in your schedule.',
    unfinished_feedback: 'A planned block was not finished; here is a way to make it up.',
  },
  fallback: 'There is a new suggestion for your schedule: ',
  seeHere: ' Take a look: ',
  title: 'A suggestion for your schedule',
  action: 'View and decide',
  nothingElse: 'A suggestion for your schedule is ready; please come back and look.',
  test: 'This is a test: notifications will arrive here.',
  reasons: {
    can_add_task_pool_to_schedule: 'There is room for “{title}” in your schedule.',
    need_makeup_block: 'There is room to make up for “{title}”.',
    no_free_slot: '“{title}” needs a place, and nothing is free in the next 24 hours.',
    capacity_insufficient: '“{title}” needs more time than is free before its deadline.',
    no_contiguous_slots: '“{title}” needs more time at a stretch than is free in one piece.',
    nothing_to_make_up: '“{title}” was not finished.',
    no_valid_time_window: 'Something urgent needs a place; which task is it, and when can it be?',
    feedback_target_unknown: 'Which part of your schedule was it that was not finished?',
  },
};

const zhCN: ScheduleTexts = {
  summaries: {
    important_urgent_task: '有一项重要且紧急的任务还没有排进你的日程。',
    unfinished_feedback: '有一段计划没有完成,可以看看如何补上。',
  },
  fallback: '你的日程有一条新建议:',
  seeHere: '点此查看:',
  title: '日程调整建议',
  action: '查看并确认',
  nothingElse: '日程调整建议已备好,请回来看看。',
  test: '这是一条测试消息:通知会发送到这里。',
  reasons: {
    can_add_task_pool_to_schedule: '“{title}”可以排进你的日程。',
    need_makeup_block: '“{title}”可以补上,已经找到空闲时间。',
    no_free_slot: '“{title}”还没有安排,而接下来 24 小时没有空闲时间。',
    capacity_insufficient: '“{title}”在截止之前所需的时间不够。',
    no_contiguous_slots: '“{title}”需要一整段时间,目前没有足够长的空闲。',
    nothing_to_make_up: '“{title}”没有完成。',
    no_valid_time_window: '有一项紧急任务需要安排:是哪一项,什么时候方便?',
    feedback_target_unknown: '没有完成的是日程里的哪一段?',
  },
};

/** The sentences of the schedule product, by language. */
export const scheduleTexts = { en, 'zh-CN': zhCN } as const satisfies Record<string, ScheduleTexts>;

const MAX_TITLE = 80;

/** The sentence for an evaluation's reason code; blank where the texts have none. */
export function reasonText(texts: ScheduleTexts, code: string, title: string | undefined): string {
  const clean = oneLine(title ?? '', 1_000);
  const cut = cutCodePoints(clean, MAX_TITLE);
  const shown = cut === clean ? clean : `${cut}…`;
  return (texts.reasons[code] ?? '').replaceAll('{title}', () => shown || '…');
}

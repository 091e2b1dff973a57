// Every sentence that a person may read, in one place, in our own words; and the rules for what text
// may leave the house (seed-domain 4.6, with W20 mended: a summary with a link counts as blank
// everywhere, and is cut before it enters any text).

/** The sentences of one language. */
export type Texts = {
  /** What each trigger type has to say when nobody summarised it. */
  readonly summaries: Readonly<Record<string, string>>;
  /** For a blank summary; the link follows. */
  readonly fallback: string;
  /** Joins a summary and the link. */
  readonly seeHere: string;
  /** Above every notification. */
  readonly title: string;
  /** On the button or link that leads to the preview. */
  readonly action: string;
  /** When nothing else is left to say. */
  readonly nothingElse: string;
  /** What a test of a channel says. */
  readonly test: string;
  /** What the task evaluator found, by its code; `{title}` stands for the task's or block's title. */
  readonly found: Readonly<Record<string, string>>;
};

const en: Texts = {
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
  found: {
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

const zhCN: Texts = {
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
  found: {
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

/** The catalogue. */
export const TEXTS = { en, 'zh-CN': zhCN } as const satisfies Record<string, Texts>;

/** A title that is longer is cut, so that the sentence around it is still read. */
const MAX_TITLE = 80;

/** The sentence for what was found; blank where the catalogue has none. */
export function evaluationText(texts: Texts, code: string, title: string | undefined): string {
  const words = Array.from((title ?? '').toWellFormed().replaceAll('\u0000', '').trim());
  const shown =
    words.length > MAX_TITLE ? `${words.slice(0, MAX_TITLE).join('')}…` : words.join('');
  return (texts.found[code] ?? '').replaceAll('{title}', () => shown || '…');
}

/** Longest summary, in code points. */
export const MAX_SUMMARY_CODE_POINTS = 180;

const LINK = /:\/\/|www\./i;

/** The summary as it may be used: trimmed and cut; empty when blank or when it holds a link. */
export function cleanSummary(summary: string | undefined): string {
  const trimmed = (summary ?? '').trim();
  if (LINK.test(trimmed)) return '';
  // No text has more code points than UTF-16 units.
  if (trimmed.length <= MAX_SUMMARY_CODE_POINTS) return trimmed;
  return Array.from(trimmed).slice(0, MAX_SUMMARY_CODE_POINTS).join('').trim();
}

/** The text for a channel that can show one text only. `summary` is already clean. */
export function fallbackText(texts: Texts, summary: string, targetUrl: string): string {
  return `${summary === '' ? texts.fallback : summary + texts.seeHere}${targetUrl}`;
}

/**
 * True for a link inside the host's own site: absolute path, no scheme, no host, no climbing, no
 * character that ends a URL in text.
 */
export function isSiteRelativePath(path: string): boolean {
  return (
    path.length <= 255 &&
    /^\/[A-Za-z0-9/_.~%?=&+@-]*$/.test(path) &&
    !path.startsWith('//') &&
    !/(?:^|\/)\.{1,2}(?:\/|$)/.test(path)
  );
}

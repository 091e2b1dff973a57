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
};

/** The catalogue. */
export const TEXTS = { en, 'zh-CN': zhCN } as const satisfies Record<string, Texts>;

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

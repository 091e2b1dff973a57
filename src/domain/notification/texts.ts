// The sentences that the embedder gives for notifications, and the rules for a summary: a summary with a
// link counts as blank, and every summary is cut before it enters a text.
import { cutCodePoints } from '../core/text.ts';

/** The sentences of notifications, in one language. */
export type Texts = {
  /** The summary that `alwaysNotify` offers, by trigger type. */
  readonly summaries: Readonly<Record<string, string>>;
  /** Replaces a blank summary; the link follows. */
  readonly fallback: string;
  /** Stands between a summary and the link. */
  readonly seeHere: string;
  /** The title of every notification. */
  readonly title: string;
  /** On the button or link that leads to the preview. */
  readonly action: string;
  /** The text of a notification whose summary and fallback are both unusable. */
  readonly nothingElse: string;
  /** The text of a channel's test message. */
  readonly test: string;
};

/** Longest summary, in code points. */
export const MAX_SUMMARY_CODE_POINTS = 180;

const LINK = /:\/\/|www\./i;

/** The summary, trimmed and cut; empty when it is blank or holds a link. */
export function cleanSummary(summary: string | undefined): string {
  const trimmed = (summary ?? '').trim();
  if (LINK.test(trimmed)) return '';
  return cutCodePoints(trimmed, MAX_SUMMARY_CODE_POINTS).trim();
}

/** The text for a channel that shows one text only. `summary` is already clean. */
export function fallbackText(texts: Texts, summary: string, targetUrl: string | undefined): string {
  if (targetUrl === undefined) return summary === '' ? texts.fallback.trim() : summary;
  return `${summary === '' ? texts.fallback : summary + texts.seeHere}${targetUrl}`;
}

/** No sentence at all: a title or an action that the embedder did not give is not shown. */
const BLANK: Texts = {
  summaries: {},
  fallback: '',
  seeHere: ' ',
  title: '',
  action: '',
  nothingElse: '',
  test: '',
};

/** The sentences of a trigger type: its own, else the given ones, else blanks. */
export function textsOf(own: Partial<Texts> = {}, given: Partial<Texts> = {}): Texts {
  return { ...BLANK, ...given, ...own };
}

// The sentences that the embedder gives for notifications, and the rules for a summary. Links in a summary are
// removed, or the summary counts as blank. Every summary is cut to its length before it enters a text.
import { z } from 'zod';
import { TocsinError } from '../core/errors.ts';
import { issuesOf, messageOf } from '../core/input.ts';
import { cutCodePoints, isBlankText } from '../core/text.ts';
import { linksIn, withoutLinks } from './links.ts';

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

/** What happens to a summary with links: each link is cut out, or the summary counts as blank. */
export const LINK_RULES = ['cut', 'blank'] as const;

export type LinkRule = (typeof LINK_RULES)[number];

/** A summary as texts use it, and how many links it has lost. */
export type CleanSummary = { readonly text: string; readonly linksRemoved: number };

/** Links are looked for in this many code points; what stands behind is never shown. */
const MAX_SUMMARY_READ = 1_000;

/** The summary without links, trimmed and cut. */
export function cleanSummary(summary: string | undefined, rule: LinkRule = 'cut'): CleanSummary {
  const trimmed = cutCodePoints((summary ?? '').trim(), MAX_SUMMARY_READ);
  const links = linksIn(trimmed);
  if (links.length > 0 && rule === 'blank') return { text: '', linksRemoved: links.length };
  const rest = links.length === 0 ? trimmed : withoutLinks(trimmed);
  const text = cutCodePoints(rest, MAX_SUMMARY_CODE_POINTS).trim();
  return { text: isBlankText(text) ? '' : text, linksRemoved: links.length };
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
  return { ...BLANK, ...present(given), ...present(own) };
}

/** Without the sentences that are `undefined` or show nothing, which count as not given. */
function present(texts: Partial<Texts>): Partial<Texts> {
  const given = Object.entries<unknown>(texts);
  const isShown = ([name, text]: (typeof given)[number]): boolean =>
    // `seeHere` may be a blank on purpose: it stands between two parts.
    text !== undefined && (name === 'seeHere' || typeof text !== 'string' || !isBlankText(text));
  return Object.fromEntries(given.filter(isShown));
}

const sentence = z.string({ error: 'must be text' }).optional();

/** Sentences as an embedder gives them; the language that a worker's texts have, too. */
export const TextsInput = z.looseObject({
  summaries: z.record(z.string(), z.string({ error: 'must be text' })).optional(),
  fallback: sentence,
  seeHere: sentence,
  title: sentence,
  action: sentence,
  nothingElse: sentence,
  test: sentence,
  language: sentence,
});

/**
 * The same texts, once it is known that they are texts.
 *
 * @param whose names them in the error, such as `the texts of the worker`
 * @throws TocsinError `invalid_texts`
 */
export function checkedTexts<T extends Partial<Texts>>(texts: T, whose: string): T {
  const parsed = TextsInput.safeParse(texts);
  if (parsed.success) return texts;
  const issues = issuesOf(parsed.error, { whole: 'the value' });
  throw new TocsinError('usage', 'invalid_texts', `${whose}: ${messageOf(issues)}`, {
    hint: 'Give an object of sentences, such as { title, action, fallback }; leave out those that you do not have.',
  });
}

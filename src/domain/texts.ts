// The sentences that the embedder gives for notifications, and the rules for their text: a summary with
// a link counts as blank everywhere, and is cut before it enters any text.

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
  /** The text of a notification that has neither summary nor link text. */
  readonly nothingElse: string;
  /** The text of a channel's test message. */
  readonly test: string;
};

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

// The link of a notification. The embedder's code makes it, so it may throw, or return anything.
import { TocsinError } from '../core/errors.ts';
import type { Issue } from '../core/input.ts';
import { err, ok, type Result } from '../core/result.ts';
import { isSiteRelativePath, MAX_PATH } from '../notification/events.ts';
import type { BoundTrigger } from './definitions.ts';

type Link = NonNullable<BoundTrigger['link']>;
type About = Parameters<Link>[0];

/**
 * The path that a definition's `link` gives; or the id that makes it impossible.
 *
 * @throws TocsinError `invalid_link` when no id is the cause: the embedder's code makes the link
 */
export function linkOf(link: Link, about: About): Result<string, Issue> {
  const made = call(link, about);
  const fault = faultOf(made);
  if (fault === undefined) return ok(encoded(String(made)));
  const field = idAtFault(link, about, fault);
  if (field !== undefined) {
    const message = `makes a link that ${fault}; use another id, or leave it out of the link`;
    return err({ field, message });
  }
  // Nobody waits for a promise here, and its rejection must not end the process.
  if (made instanceof Promise) made.catch(() => undefined);
  const message = `the link of the trigger type ${about.triggerType} ${fault}`;
  throw new TocsinError('usage', 'invalid_link', message, {
    hint: `Nothing was written. Return a path such as /invoices/42 of at most ${MAX_PATH} characters, and encode its parts with encodeURIComponent.`,
  });
}

function call(link: Link, about: About): unknown {
  try {
    return link(about);
  } catch (cause) {
    const message = `the link of the trigger type ${about.triggerType} threw an error`;
    throw new TocsinError('usage', 'invalid_link', message, {
      hint: 'Nothing was written. A `link` must return a path for every request that the definition accepts.',
      cause,
    });
  }
}

const TOO_LONG = `is longer than ${MAX_PATH} characters`;
const DOTS = 'has . or .. between slashes';

/** The id without which the link is valid, where no code can encode the id better. */
function idAtFault(link: Link, about: About, fault: string): 'targetId' | 'userId' | undefined {
  const fields = ['targetId', 'userId'] as const;
  return fields.find((field) => {
    const canBeCause = fault === TOO_LONG || (fault === DOTS && /^\.{1,2}$/.test(about[field]));
    return canBeCause && faultOf(call(link, { ...about, [field]: '1' })) === undefined;
  });
}

function faultOf(path: unknown): string | undefined {
  if (typeof path !== 'string') return `is no text but ${kindOf(path)}`;
  const link = encoded(path);
  if (isSiteRelativePath(link)) return undefined;
  if (!link.startsWith('/') || link.startsWith('//')) return 'does not begin with one slash';
  if (link.length > MAX_PATH) return TOO_LONG;
  const hasDots = /(?:^|\/)\.{1,2}(?:\/|$)/.test(link);
  return hasDots ? DOTS : 'has characters that must be encoded';
}

function kindOf(value: unknown): string {
  if (value instanceof Promise) return 'a promise';
  return value === null ? 'null' : typeof value;
}

/** `encodeURIComponent` leaves these characters, which end a link in text. */
function encoded(path: string): string {
  return path.replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

// Codes and details of providers and senders, made short and clean for the log.
import { isCleanText } from '../core/json.ts';
import { MAX_DETAIL } from './events.ts';

/** A code in snake_case, made of any text. */
export function codeOf(text: string): string {
  const code = text
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '_')
    .slice(0, 64);
  return code === '' ? 'unspecified' : code;
}

/** A detail of at most {@link MAX_DETAIL} characters; `undefined` for an empty one. */
export function detailOf(text: string): string | undefined {
  return shortText(text, MAX_DETAIL);
}

/** At most `max` UTF-16 units of clean text; `undefined` for nothing. */
export function shortText(text: string | undefined, max: number): string | undefined {
  const clean = (text ?? '').replaceAll('\u0000', '').toWellFormed().trim();
  const cut = clean.slice(0, max);
  // The cut may have split a surrogate pair.
  const whole = isCleanText(cut) ? cut : cut.slice(0, -1);
  return whole === '' ? undefined : whole;
}

// What a provider or an adapter says, as a record may hold it: short, clean, and codes as codes.
import { isCleanText } from '../core/json.ts';
import { MAX_DETAIL } from './events.ts';

/** A stable code in snake_case, whatever was given. */
export function codeOf(text: string): string {
  const code = text
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '_')
    .slice(0, 64);
  return code === '' ? 'unspecified' : code;
}

/** A detail that fits, or none. */
export function detailOf(text: string): string | undefined {
  return shortText(text, MAX_DETAIL);
}

/** At most `max` UTF-16 units of clean text; `undefined` for nothing. */
export function shortText(text: string | undefined, max: number): string | undefined {
  const clean = (text ?? '').replaceAll('\u0000', '').toWellFormed().trim();
  const cut = clean.slice(0, max);
  // The cut may have split a pair.
  const whole = isCleanText(cut) ? cut : cut.slice(0, -1);
  return whole === '' ? undefined : whole;
}

// Codes and details of providers and senders, made short and clean for the log.
import { cleanText } from '../core/text.ts';
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
  return cleanText(text.trim(), MAX_DETAIL);
}

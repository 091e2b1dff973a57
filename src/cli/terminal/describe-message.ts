// Describes a message as a line for people and as a document for programs.
import { oneLine } from '../../domain/core/text.ts';
import { isJson, isJsonObject, tryParseJson } from '../../domain/core/json.ts';
import type { StoredMessage } from '../../projections/output.ts';

const decoder = new TextDecoder();

/** Longest line, in UTF-16 units. */
const MAX_LINE = 2_000;

export type ShownMessage = { readonly line: string; readonly document: object };

/** Any producer may have sent the message: no field is trusted, and control characters never reach a terminal. */
export function describeMessage(message: StoredMessage): ShownMessage {
  const { sequence, subject, headers } = message;
  const parsed = tryParseJson(decoder.decode(message.data));
  const data = isJson(parsed) ? parsed : null;
  const type = headers.get('ce-type') ?? 'unknown';
  const field = (name: string): string => {
    const value = isJsonObject(data) ? data[name] : undefined;
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  const what = type.startsWith('notification.')
    ? `notification  user ${field('user_id')}  ${field('dedupe_key')}  ${field('fallback_text')}`
    : `trigger       user ${field('user_id')}  ${field('trigger_type')}  ${field('trigger_id')}`;
  return {
    line: oneLine(`#${sequence}  ${what}`, MAX_LINE),
    document: { sequence, subject, headers: Object.fromEntries(headers), data },
  };
}

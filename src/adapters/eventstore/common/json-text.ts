// Parses stored JSON. Any client may have written it: text that nests too deep for recursive readers is refused.
import {
  MAX_STORED_DEPTH,
  nestsDeeperThan,
  parseJson,
  type Json,
} from '../../../domain/core/json.ts';

/** @throws SyntaxError for text that is not JSON or nests too deep */
export function parseJsonText(text: string): Json {
  if (nestsDeeperThan(text, MAX_STORED_DEPTH)) throw new SyntaxError('nests too deep');
  return parseJson(text);
}

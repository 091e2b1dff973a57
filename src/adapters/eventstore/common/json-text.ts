// The text of stored JSON to values. Anybody may have written it: what would break a recursive reader
// behind this place is not read at all.
import {
  MAX_STORED_DEPTH,
  nestsDeeperThan,
  parseJson,
  type Json,
} from '../../../domain/core/json.ts';

/** Reads JSON text; throws a SyntaxError for anything else, and for what nests too deep. */
export function parseJsonText(text: string): Json {
  if (nestsDeeperThan(text, MAX_STORED_DEPTH)) throw new SyntaxError('nests too deep');
  return parseJson(text);
}

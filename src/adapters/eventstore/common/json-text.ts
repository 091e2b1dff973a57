// JSON text to values, typed as what it can be.
import type { Json } from '../../../domain/core/json.ts';

/** Reads JSON text; throws a SyntaxError for anything else. */
export function parseJsonText(text: string): Json {
  const value: unknown = JSON.parse(text);
  if (isParsed(value)) return value;
  throw new SyntaxError('no JSON value');
}

// What JSON.parse returns is JSON by construction; walking it again would double the cost of a read.
function isParsed(value: unknown): value is Json {
  return value !== undefined;
}

// JSON values as a type, and the checks of JSON from outside.
import { endOfString, hasEscapedKey, readJson } from './escaped-keys.ts';

/** A JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

/** A JSON object. Optional keys are absent: `undefined` is never stored. */
export type JsonObject = { readonly [key: string]: Json };

/** Input that nests deeper is refused, because serialisers recurse and could overflow the host's stack. */
export const MAX_JSON_DEPTH = 64;

/** Stored events that nest deeper count as unreadable in all stores. Tocsin's own events stay far below. */
export const MAX_STORED_DEPTH = 1_000;

/** The fault of a value from outside; `undefined` when it is plain JSON. */
export function jsonFault(value: unknown): string | undefined {
  // Iterative, because a recursive check would overflow on the values that it has to refuse.
  const pending: { value: unknown; depth: number }[] = [{ value, depth: 1 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const fault = scalarFault(next.value);
    if (fault !== undefined) return fault;
    if (typeof next.value !== 'object' || next.value === null) continue;
    if (next.depth > MAX_JSON_DEPTH) return `is nested deeper than ${MAX_JSON_DEPTH} levels`;
    for (const [key, child] of Object.entries(next.value)) {
      if (!isCleanText(key)) return 'has a key with a NUL character or a lone surrogate';
      pending.push({ value: child, depth: next.depth + 1 });
    }
  }
  return undefined;
}

/**
 * True for JSON text whose lists and objects nest deeper than `levels`. It runs on text from outside before
 * any code that recurses reads the value. For text that is not JSON the answer has no meaning.
 */
export function nestsDeeperThan(text: string, levels: number): boolean {
  // Every level needs two brackets, so a short text needs no scan.
  if (text.length <= 2 * levels) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i];
    if (char === '"') i = endOfString(text, i) - 1;
    else if (char === '[' || char === '{') depth += 1;
    else if (char === ']' || char === '}') depth -= 1;
    if (depth > levels) return true;
  }
  return false;
}

/** JSON text as a value: the same text gives the same value, whatever was read before it. */
export function parseJson(text: string): Json {
  // eslint-disable-next-line no-restricted-properties -- the only call; readJson corrects its bug
  const parsed: unknown = JSON.parse(text);
  const value = hasEscapedKey(text) ? readJson(text) : parsed;
  if (isParsed(value)) return value;
  throw new SyntaxError('no JSON value');
}

/** JSON text as a value; `undefined` for other text, which no schema accepts. */
export function tryParseJson(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    // The error is dropped because its message quotes the text, which may be a secret.
    return undefined;
  }
}

// A value of JSON.parse is JSON; another check would double the cost of a read.
function isParsed(value: unknown): value is Json {
  return value !== undefined;
}

/** True for text that every store and wire keeps: no NUL, no lone surrogate. */
export function isCleanText(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed();
}

export function isJson(value: unknown): value is Json {
  return jsonFault(value) === undefined;
}

/** True for an object that is not a list, among values that are known to be JSON. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The canonical text of a JSON value (RFC 8785), independent of the order of its keys. Total: lone
 * surrogates, which the RFC and the packages for it refuse, become escapes, because a log may hold them.
 */
export function canonicalJson(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  // The comparison of strings goes by UTF-16 units, as the RFC requires.
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  const members = entries.map(([key, child]) => `${JSON.stringify(key)}:${canonicalJson(child)}`);
  return `{${members.join(',')}}`;
}

function isList(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value);
}

function scalarFault(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return isCleanText(value) ? undefined : 'has text with a NUL character or a lone surrogate';
    case 'number':
      return Number.isFinite(value) ? undefined : 'has a number that JSON cannot hold';
    case 'boolean':
      return undefined;
    case 'object': {
      if (value === null || Array.isArray(value)) return undefined;
      const prototype: unknown = Object.getPrototypeOf(value);
      return prototype === Object.prototype || prototype === null
        ? undefined
        : 'has a value that is not plain JSON';
    }
    default:
      return 'has a value that is not JSON';
  }
}

/** @throws SyntaxError for text that is not JSON or nests too deep */
export function parseJsonText(text: string): Json {
  if (nestsDeeperThan(text, MAX_STORED_DEPTH)) throw new SyntaxError('nests too deep');
  return parseJson(text);
}

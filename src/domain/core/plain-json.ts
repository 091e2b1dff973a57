// Makes plain JSON of a value that an embedder gives, as JSON.stringify would, but refuses what JSON would change or drop:
// the log must keep what was meant. Each refusal names its path and what to do.
import { isCleanText, MAX_JSON_DEPTH, type Json } from './json.ts';
import { err, ok, type Result } from './result.ts';

/** Why a value is no JSON, and where. */
export type JsonRefusal = { readonly path: readonly string[]; readonly message: string };

/**
 * The value as plain JSON. Keys whose value is `undefined` are left out.
 *
 * @param maxValues the most values that it may have, itself included: one value may stand at many places
 */
export function plainJson(value: unknown, maxValues: number): Result<Json, JsonRefusal> {
  const walk: Walk = { left: maxValues, path: [], above: new Set() };
  const message = check(value, walk);
  if (message !== undefined) return err({ path: walk.path, message });
  return isPlain(value)
    ? ok(walk.hasUndefined === true ? withoutUndefined(value) : value)
    : err(NO_JSON);
}

const NO_JSON: JsonRefusal = { path: [], message: 'is not JSON' };

type Walk = {
  /** Values that may still come. */
  left: number;
  /** Where the walk is; after a refusal, where the fault is. */
  readonly path: string[];
  /** The lists and objects around this place. */
  readonly above: Set<object>;
  hasUndefined?: boolean;
};

function check(value: unknown, walk: Walk): string | undefined {
  walk.left -= 1;
  if (walk.left < 0) return 'has more values than its size allows';
  if (typeof value !== 'object' || value === null) return scalarFault(value);
  if (walk.above.has(value)) return 'refers to itself; send a value that ends';
  if (walk.above.size >= MAX_JSON_DEPTH) return `is nested deeper than ${MAX_JSON_DEPTH} levels`;
  if (!Array.isArray(value) && !isPlainObject(value)) return classFault(value);
  walk.above.add(value);
  const fault = Array.isArray(value) ? itemsFault(value, walk) : membersFault(value, walk);
  walk.above.delete(value);
  return fault;
}

function itemsFault(list: readonly unknown[], walk: Walk): string | undefined {
  for (let index = 0; index < list.length; index += 1) {
    walk.path.push(String(index));
    if (!(index in list)) return 'is a hole in a list; send null, or a list without holes';
    if (list[index] === undefined) return 'is undefined in a list; send null, or leave it out';
    const fault = check(list[index], walk);
    if (fault !== undefined) return fault;
    walk.path.pop();
  }
  return undefined;
}

function membersFault(object: object, walk: Walk): string | undefined {
  const [symbol] = Object.getOwnPropertySymbols(object);
  if (symbol !== undefined) return 'has a symbol as a key; send text keys';
  for (const [key, child] of Object.entries(object)) {
    if (child === undefined) {
      walk.hasUndefined = true;
      continue;
    }
    walk.path.push(key);
    if (!isCleanText(key)) return 'has a NUL character or a lone surrogate in its name';
    const fault = check(child, walk);
    if (fault !== undefined) return fault;
    walk.path.pop();
  }
  return undefined;
}

function scalarFault(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return isCleanText(value) ? undefined : 'is text with a NUL character or a lone surrogate';
    case 'number':
      return Number.isFinite(value) ? undefined : `is ${value}; send null, or a number`;
    case 'bigint':
      return 'is a bigint; send it as text';
    case 'function':
    case 'symbol':
      return `is a ${typeof value}; leave it out`;
    case 'undefined':
      return 'is undefined; send null, or leave it out';
    default:
      return undefined;
  }
}

function classFault(value: object): string {
  if (value instanceof Date) return 'is a Date; send its text, such as toISOString() gives';
  const prototype: unknown = Object.getPrototypeOf(value);
  const made: unknown =
    typeof prototype === 'object' && prototype !== null ? prototype.constructor : undefined;
  const name = typeof made === 'function' && /^\w{1,64}$/.test(made.name) ? made.name : 'class';
  return `is an instance of ${name}; send a plain object, a list or text`;
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

// The walk has seen every part of the value.
function isPlain(value: unknown): value is Json {
  return value !== undefined;
}

function withoutUndefined(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutUndefined);
  const entries = Object.entries<Json | undefined>(value).flatMap(([key, child]) =>
    child === undefined ? [] : [[key, withoutUndefined(child)] as const],
  );
  return Object.fromEntries(entries);
}

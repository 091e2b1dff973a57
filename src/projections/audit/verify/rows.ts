// Compares two rows field by field, and two long lists of rows side by side.
import { formatPosition } from '../../../domain/core/positions.ts';

/** A row; the fields are compared by their text. */
type Fields = Readonly<Record<string, unknown>>;

export function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    if ('commit' in value && 'prepare' in value) {
      const { commit, prepare } = value;
      if (typeof commit === 'bigint' && typeof prepare === 'bigint') {
        return formatPosition({ commit, prepare });
      }
    }
    return JSON.stringify(value, (_key, part: unknown) =>
      typeof part === 'bigint' ? String(part) : part,
    );
  }
  return typeof value === 'string' ? value : String(value);
}

/** "field: found, not expected" for every field that differs; `undefined` when none does. */
export function differences(
  expected: Fields,
  found: Fields,
  ignored?: ReadonlySet<string>,
): string | undefined {
  let parts: string[] | undefined;
  for (const field in expected) {
    const a = expected[field];
    const b = found[field];
    if (a === b || isSamePosition(a, b) || ignored?.has(field) === true) continue;
    const isValue = typeof a !== 'object' && typeof b !== 'object';
    if (isValue || shown(a) !== shown(b))
      (parts ??= []).push(`${field}: ${shown(b)}, not ${shown(a)}`);
  }
  return parts?.join('; ');
}

/** Compares positions, which nearly all rows have, without making text of them. */
function isSamePosition(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (!('commit' in a && 'prepare' in a && 'commit' in b && 'prepare' in b)) return false;
  return a.commit === b.commit && a.prepare === b.prepare;
}

export type JoinEvents<T> = {
  readonly both: (expected: T, found: T) => void;
  readonly missing: (expected: T) => void;
  readonly extra: (found: T) => void;
};

/** How many rows wait for their counterpart; the oldest beyond that has none. */
const MAX_WAITING = 10_000;

/**
 * Compares two lists of about the same order, row by row. Only rows without their counterpart wait in memory,
 * so a missing or extra row does not make the rows after it differ.
 */
export class Lockstep<T> {
  readonly #keyOf: (row: T) => string;
  readonly #found: Iterator<T>;
  readonly #events: JoinEvents<T>;
  readonly #expected = new Map<string, T>();
  readonly #extra = new Map<string, T>();

  constructor(found: Iterable<T>, keyOf: (row: T) => string, events: JoinEvents<T>) {
    this.#found = found[Symbol.iterator]();
    this.#keyOf = keyOf;
    this.#events = events;
  }

  expect(expected: T): void {
    const key = this.#keyOf(expected);
    const early = this.#extra.get(key);
    if (early !== undefined) {
      this.#extra.delete(key);
      this.#events.both(expected, early);
      return;
    }
    const next = this.#found.next();
    if (next.done === true) {
      this.#wait(this.#expected, key, expected, this.#events.missing);
      return;
    }
    if (this.#keyOf(next.value) === key) {
      this.#events.both(expected, next.value);
      return;
    }
    this.#wait(this.#expected, key, expected, this.#events.missing);
    this.#meet(next.value);
  }

  /** Ends the comparison: every row that still waits has no counterpart. */
  end(): void {
    for (let next = this.#found.next(); next.done !== true; next = this.#found.next()) {
      this.#meet(next.value);
    }
    for (const row of this.#expected.values()) this.#events.missing(row);
    for (const row of this.#extra.values()) this.#events.extra(row);
  }

  #meet(found: T): void {
    const key = this.#keyOf(found);
    const late = this.#expected.get(key);
    if (late === undefined) {
      this.#wait(this.#extra, key, found, this.#events.extra);
      return;
    }
    this.#expected.delete(key);
    this.#events.both(late, found);
  }

  #wait(waiting: Map<string, T>, key: string, row: T, report: (row: T) => void): void {
    const double = waiting.get(key);
    if (double !== undefined) report(double);
    waiting.set(key, row);
    if (waiting.size <= MAX_WAITING) return;
    const [oldest] = waiting;
    if (oldest === undefined) return;
    waiting.delete(oldest[0]);
    report(oldest[1]);
  }
}

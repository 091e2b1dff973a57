// Compares two rows field by field, and two long lists of rows side by side.
import { formatPosition } from '../../../domain/core/positions.ts';
import type { Findings, MismatchCode } from './mismatches.ts';

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

/** "field: found, not expected" for every field of `expected` that differs; `undefined` when none does. */
export function differences(expected: Fields, found: Fields): string | undefined {
  let parts: string[] | undefined;
  for (const field in expected) {
    const a = expected[field];
    const b = found[field];
    if (a === b || isSamePosition(a, b)) continue;
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

/** How rows of one kind are compared, and what their differences are called. */
export type RowKind<T> = {
  readonly keyOf: (row: T) => string;
  readonly where: (row: T) => string;
  readonly changed: MismatchCode | ((expected: T, found: T) => MismatchCode);
  readonly missing: MismatchCode;
  readonly extra: MismatchCode;
  /** The detail of a row without its counterpart. */
  readonly detail: (row: T, lack: 'missing' | 'extra') => string;
};

/** How many rows wait for their counterpart; the oldest beyond that has none. */
const MAX_WAITING = 10_000;

/**
 * Compares two lists of about the same order, row by row. Only rows without their counterpart wait in memory,
 * so a missing or extra row does not make the rows after it differ.
 */
export class Lockstep<T extends Fields> {
  readonly #found: Iterator<T>;
  readonly #kind: RowKind<T>;
  readonly #findings: Findings;
  readonly #expected = new Map<string, T>();
  readonly #extra = new Map<string, T>();

  constructor(found: Iterable<T>, kind: RowKind<T>, findings: Findings) {
    this.#found = found[Symbol.iterator]();
    this.#kind = kind;
    this.#findings = findings;
  }

  expect(expected: T): void {
    const key = this.#kind.keyOf(expected);
    const early = this.#extra.get(key);
    if (early !== undefined) {
      this.#extra.delete(key);
      this.#compare(expected, early);
      return;
    }
    const next = this.#found.next();
    if (next.done !== true && this.#kind.keyOf(next.value) === key) {
      this.#compare(expected, next.value);
      return;
    }
    this.#wait('missing', key, expected);
    if (next.done !== true) this.#meet(next.value);
  }

  /** Ends the comparison: every row that still waits has no counterpart. */
  end(): void {
    for (let next = this.#found.next(); next.done !== true; next = this.#found.next()) {
      this.#meet(next.value);
    }
    for (const row of this.#expected.values()) this.#lacks('missing', row);
    for (const row of this.#extra.values()) this.#lacks('extra', row);
  }

  #meet(found: T): void {
    const key = this.#kind.keyOf(found);
    const late = this.#expected.get(key);
    if (late === undefined) {
      this.#wait('extra', key, found);
      return;
    }
    this.#expected.delete(key);
    this.#compare(late, found);
  }

  #compare(expected: T, found: T): void {
    const detail = differences(expected, found);
    if (detail === undefined) return;
    const { changed, where } = this.#kind;
    const code = typeof changed === 'string' ? changed : changed(expected, found);
    this.#findings.add(code, where(expected), detail);
  }

  #lacks(lack: 'missing' | 'extra', row: T): void {
    const { where, detail } = this.#kind;
    this.#findings.add(this.#kind[lack], where(row), detail(row, lack));
  }

  #wait(lack: 'missing' | 'extra', key: string, row: T): void {
    const waiting = lack === 'missing' ? this.#expected : this.#extra;
    const double = waiting.get(key);
    if (double !== undefined) this.#lacks(lack, double);
    waiting.set(key, row);
    const [oldest] = waiting;
    if (waiting.size <= MAX_WAITING || oldest === undefined) return;
    waiting.delete(oldest[0]);
    this.#lacks(lack, oldest[1]);
  }
}

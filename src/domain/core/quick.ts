// Checks for reading stored data without its schema, at a tenth of the cost. A quick reader returns the
// value that the schema would return, or `undefined` for unusual data, which the schema then reads or
// refuses. A property test compares the two (test/domain/quick.test.ts).
import { MAX_INSTANT, parseInstant, type Instant } from './instants.ts';
import { isCleanText } from './json.ts';

/** Text of 1 to `max` UTF-16 units without NUL and lone surrogates. */
export function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= max && isCleanText(value);
}

export function isOptionalText(value: unknown, max: number): value is string | undefined {
  return value === undefined || isText(value, max);
}

/** An integer from 1 on that a double holds exactly. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
}

export function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isOneOf<T extends string>(value: unknown, all: readonly T[]): value is T {
  return all.some((each) => each === value);
}

/** The instant of an RFC 3339 text; `undefined` for any other value. */
export function quickInstant(value: unknown): Instant | undefined {
  if (typeof value !== 'string') return undefined;
  const parsed = parseInstant(value);
  return parsed.ok && parsed.value <= MAX_INSTANT ? parsed.value : undefined;
}

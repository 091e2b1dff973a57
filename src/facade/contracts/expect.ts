// The comparisons of the contract suites, over node:assert, so that they run under any test runner.
import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';

/** What a suite expects of a value. */
export function expect(actual: unknown, message?: string) {
  const compare = (isMet: boolean, operator: string, expected: unknown): void => {
    if (isMet) return;
    throw new assert.AssertionError({
      actual,
      expected,
      operator,
      ...(message ? { message } : {}),
    });
  };
  const isGreater = (least: number): boolean => typeof actual === 'number' && actual > least;
  return {
    /** Fields that are `undefined` count as absent. */
    toEqual(expected: unknown): void {
      assert.deepStrictEqual(plain(actual), plain(expected), message);
    },
    toMatchObject(expected: object): void {
      compare(matches(actual, expected), 'toMatchObject', expected);
    },
    toBe(expected: unknown): void {
      assert.equal(actual, expected, message);
    },
    notToBe(expected: unknown): void {
      assert.notEqual(actual, expected, message);
    },
    toBeUndefined(): void {
      assert.equal(actual, undefined, message);
    },
    toHaveLength(length: number): void {
      const isList = Array.isArray(actual) || ArrayBuffer.isView(actual);
      assert.equal(isList && 'length' in actual ? actual.length : undefined, length, message);
    },
    toBeGreaterThan(least: number): void {
      compare(isGreater(least), '>', least);
    },
    toBeGreaterThanOrEqual(least: number): void {
      compare(isGreater(least) || Object.is(actual, least), '>=', least);
    },
    toBeLessThan(most: number): void {
      compare(typeof actual === 'number' && actual < most, '<', most);
    },
  };
}

/** The value without fields that are `undefined`; objects without a prototype become plain ones. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!isPlain(value)) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([key, field]) => [key, plain(field)]));
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** True where the actual value has the fields of the expected one, however deep. */
function matches(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((each, index) => matches(actual[index], each))
    );
  }
  if (!isPlain(expected)) return isDeepStrictEqual(actual, expected);
  if (typeof actual !== 'object' || actual === null) return false;
  const fields = new Map<string, unknown>(Object.entries(actual));
  return Object.entries(expected).every(([key, each]) => matches(fields.get(key), each));
}

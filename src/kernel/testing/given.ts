// Given/when/then for deciders: exact, order-sensitive, and independent of the test runner.
import { AssertionError, deepStrictEqual } from 'node:assert';
import type { Result } from '../../domain/core/result.ts';

/** A decider under test. Tests name a rejection by its `code`. */
export type Decider<S, E, C, R extends { readonly code: string }> = {
  readonly initial: S;
  readonly evolve: (state: S, event: E) => S;
  readonly decide: (state: S, command: C) => Result<readonly E[], R>;
};

/** The last part: the expected result. */
export type Then<E, Code extends string> = {
  /** Exactly these events, in this order. @throws AssertionError otherwise, with the difference */
  readonly then: (...events: readonly E[]) => void;
  /**
   * As many events, in this order, each with at least these fields. @throws AssertionError otherwise
   */
  readonly thenMatches: (...parts: readonly Partial<Record<keyof E, unknown>>[]) => void;
  /** A rejection with this code. @throws AssertionError otherwise */
  readonly thenRejected: (code: Code) => void;
  /** Accepted without events. @throws AssertionError otherwise */
  readonly thenNothing: () => void;
};

/** The middle part: the command. */
export type When<E, C, Code extends string> = {
  readonly when: (command: C) => Then<E, Code>;
};

/**
 * Makes `given` for a decider of your own.
 *
 * @example
 * const given = givenOf({ initial, evolve, decide });
 * given(opened).when(close).then(closed);
 */
export function givenOf<S, E, C, R extends { readonly code: string }>(
  decider: Decider<S, E, C, R>,
): (...history: readonly E[]) => When<E, C, R['code']> {
  return (...history) => ({
    when(command) {
      const state = history.reduce<S>(decider.evolve, decider.initial);
      return assertions(decider.decide(state, command));
    },
  });
}

/** The last part for a decision. */
export function assertions<E, R extends { readonly code: string }>(
  decision: Result<readonly E[], R>,
): Then<E, R['code']> {
  const exactly = (events: readonly E[]): void => {
    if (!decision.ok) fail('the command was rejected', decision.error, events);
    compare('the command led to other events', decision.value, events);
  };
  return {
    then: (...events) => {
      exactly(events);
    },
    thenMatches: (...parts) => {
      if (!decision.ok) fail('the command was rejected', decision.error, parts);
      const { value: events } = decision;
      const shown = events.map((event, index) => partOf(event, parts[index]));
      compare('the command led to other events', shown, parts);
    },
    thenNothing: () => {
      exactly([]);
    },
    thenRejected(code) {
      if (decision.ok) fail('the command was not rejected', decision.value, code);
      compare('the command was rejected for another reason', decision.error.code, code);
    },
  };
}

/** The fields of `value` that `part` has, at every depth; the whole value where there is no part. */
function partOf(value: unknown, part: unknown): unknown {
  if (typeof part !== 'object' || part === null || Array.isArray(part)) return value;
  if (typeof value !== 'object' || value === null) return value;
  const own = new Map(Object.entries(value));
  return Object.fromEntries(
    Object.entries(part).map(([key, inner]) => [key, partOf(own.get(key), inner)]),
  );
}

function compare(what: string, actual: unknown, expected: unknown): void {
  try {
    deepStrictEqual(withoutUndefined(actual), withoutUndefined(expected));
  } catch (error) {
    fail(what, actual, expected, error instanceof Error ? error.message : String(error));
  }
}

function fail(what: string, actual: unknown, expected: unknown, difference?: string): never {
  const shown = difference ?? `${show(actual)}\ninstead of\n${show(expected)}`;
  throw new AssertionError({
    message: `${what}\n${shown}`,
    actual,
    expected,
    operator: 'given/when/then',
    stackStartFn: fail,
  });
}

function show(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part),
    2,
  );
}

// An undefined field counts as absent, as in stored JSON.
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([key, field]) => [key, withoutUndefined(field)]));
}

// Which events a filtered reader gets. A regular expression comes from outside and may take for ever on
// some name: it runs under a clock, a page of names at a time.
import { createContext, Script } from 'node:vm';
import type { StoredEvent } from '../embedded/rows.ts';
import { MAX_PREFIX_LENGTH, MAX_PREFIXES, MAX_REGEX_LENGTH } from './limits.ts';
import { invalidArgument, Refusal } from './refusal.ts';

/** Tells for each event of a page whether it passes. */
export type EventFilter = (page: readonly StoredEvent[]) => readonly boolean[];

/** What a filter looks at, and what it wants there. */
export type FilterTerms = {
  readonly on: 'stream' | 'type';
  readonly prefixes: readonly string[];
  /** Empty for none. */
  readonly regex: string;
};

/**
 * How long a regular expression may take for one page of names, in milliseconds: far more than an honest
 * one needs, also on a machine that is busy with other things.
 */
const REGEX_TIMEOUT_MS = 250;
/** Names whose answer is remembered, so that a type is matched once and not for every event. */
const REMEMBERED_NAMES = 2_000;

/** Takes everything. */
export const everything: EventFilter = (page) => page.map(() => true);

/** Makes a filter, or says what is wrong with its terms. */
export function eventFilter({ on, prefixes, regex }: FilterTerms): EventFilter | Refusal {
  const nameOf = (event: StoredEvent): string => (on === 'stream' ? event.stream : event.type);
  if (regex === '') return prefixFilter(prefixes, nameOf);
  if (regex.length > MAX_REGEX_LENGTH) {
    return invalidArgument(
      `a filter's regular expression has at most ${MAX_REGEX_LENGTH} characters`,
    );
  }
  const test = regexTest(regex);
  if (test instanceof Refusal) return test;
  const known = new Map<string, boolean>();
  return (page) => {
    const names = new Set(page.map(nameOf));
    if (known.size + names.size > REMEMBERED_NAMES) known.clear();
    const fresh = Array.from(names).filter((name) => !known.has(name));
    if (fresh.length > 0) {
      for (const [i, passes] of test(fresh).entries()) known.set(fresh[i] ?? '', passes);
    }
    return page.map((event) => known.get(nameOf(event)) === true);
  };
}

function prefixFilter(
  prefixes: readonly string[],
  nameOf: (event: StoredEvent) => string,
): EventFilter | Refusal {
  if (prefixes.length === 0)
    return invalidArgument('a filter needs a regular expression or prefixes');
  if (prefixes.length > MAX_PREFIXES || prefixes.some(({ length }) => length > MAX_PREFIX_LENGTH)) {
    return invalidArgument(
      `a filter has at most ${MAX_PREFIXES} prefixes of ${MAX_PREFIX_LENGTH} characters`,
    );
  }
  return (page) => page.map((event) => prefixes.some((prefix) => nameOf(event).startsWith(prefix)));
}

/** @returns a test for names that throws a {@link Refusal} when it takes too long */
function regexTest(source: string): ((names: readonly string[]) => readonly boolean[]) | Refusal {
  try {
    // What a client sends is data in there, never code: the context is for the clock alone.
    const context = createContext({ pattern: new RegExp(source), names: '' });
    return (names) => {
      context['names'] = JSON.stringify(names);
      return run(context);
    };
  } catch (error) {
    return invalidArgument(`the regular expression cannot be read: ${messageOf(error)}`);
  }
}

const MATCH = new Script(
  'JSON.parse(names).map((name) => (pattern.test(name) ? "1" : "0")).join("")',
);

function run(context: object): readonly boolean[] {
  try {
    const bits: unknown = MATCH.runInContext(context, { timeout: REGEX_TIMEOUT_MS });
    return Array.from(String(bits), (bit) => bit === '1');
  } catch (error) {
    throw invalidArgument(
      `the regular expression cannot be matched within ${REGEX_TIMEOUT_MS} ms: ${messageOf(error)}`,
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

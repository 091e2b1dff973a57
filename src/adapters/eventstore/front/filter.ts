// Filters events for a reader. A client's regular expression is matched in linear time: with JavaScript's own engine a
// hostile one would take the time of everybody else's appends.
import { RE2JS } from 're2js';
import type { StoredEvent } from '../embedded/rows.ts';
import { MAX_PREFIX_LENGTH, MAX_PREFIXES, MAX_REGEX_LENGTH } from './limits.ts';
import { invalidArgument, Refusal, senseless } from './refusal.ts';
import type { Like } from './server-version.ts';

/** For each event of a page: true when it passes. */
export type EventFilter = (page: readonly StoredEvent[]) => readonly boolean[];

/** The name that a filter tests, and its conditions. */
export type FilterTerms = {
  readonly on: 'stream' | 'type';
  readonly prefixes: readonly string[];
  /** Empty for none. */
  readonly regex: string;
};

/** The most names with a remembered result, so that a type is matched once and not for every event. */
const REMEMBERED_NAMES = 2_000;

export const everything: EventFilter = (page) => page.map(() => true);

/** A filter of events, and its test of a stream's name when no event of another stream can pass. */
export type TestedFilter = { readonly filter: EventFilter; readonly ofStream?: NameTest };

export type NameTest = (name: string) => boolean;

export function eventFilter(
  { on, prefixes, regex }: FilterTerms,
  like: Like,
): TestedFilter | Refusal {
  const nameOf = (event: StoredEvent): string => (on === 'stream' ? event.stream : event.type);
  if (regex === '') {
    const test = prefixTest(prefixes, like);
    if (test instanceof Refusal) return test;
    const filter: EventFilter = (page) => page.map((event) => test(nameOf(event)));
    return on === 'stream' ? { filter, ofStream: test } : { filter };
  }
  if (regex.length > MAX_REGEX_LENGTH) {
    const most = `at most ${MAX_REGEX_LENGTH} characters`;
    return invalidArgument(`a filter's regular expression has ${most}`);
  }
  const test = regexTest(regex, like);
  if (test instanceof Refusal) return test;
  const results = new Map<string, boolean>();
  const filter: EventFilter = (page) => {
    const names = new Set(page.map(nameOf));
    if (results.size + names.size > REMEMBERED_NAMES) results.clear();
    for (const name of names) if (!results.has(name)) results.set(name, test(name));
    return page.map((event) => results.get(nameOf(event)) === true);
  };
  return { filter };
}

function prefixTest(prefixes: readonly string[], like: Like): NameTest | Refusal {
  // With neither, a server lets nothing pass.
  if (prefixes.length === 0 && like === undefined) {
    return invalidArgument('a filter needs a regular expression or prefixes');
  }
  if (prefixes.length > MAX_PREFIXES || prefixes.some(({ length }) => length > MAX_PREFIX_LENGTH)) {
    const most = `at most ${MAX_PREFIXES} prefixes of ${MAX_PREFIX_LENGTH} characters`;
    return invalidArgument(`a filter has ${most}`);
  }
  const startsWith = like === undefined ? byCharacters : byCulture;
  return (name) => prefixes.some((prefix) => startsWith(name, prefix));
}

function byCharacters(name: string, prefix: string): boolean {
  return name.startsWith(prefix);
}

/** Characters that .NET ignores when it compares names: NUL, soft hyphens, joiners. */
const IGNORED = /[\0\u00ad\u200b-\u200d\u2060\ufeff]/gu;

/** As servers compare: a mark that combines with the last character of the prefix makes it another character. */
function byCulture(name: string, prefix: string): boolean {
  const sought = prefix.replace(IGNORED, '');
  const found = name.replace(IGNORED, '');
  if (!found.startsWith(sought)) return false;
  return sought === '' || !/^\p{M}/u.test(found.slice(sought.length));
}

/** The time of a match is that of the text times the size of the program, which counted repetitions multiply. */
const MAX_PROGRAM = 512;
const COUNTED = /\{\d*,?\d*\}/g;
const MAX_COUNT = 32;

function regexTest(source: string, like: Like): NameTest | Refusal {
  try {
    const count = source
      .match(COUNTED)
      ?.find((text) => Number(/\d+(?=\}$)/.exec(text)?.[0]) > MAX_COUNT);
    if (count !== undefined)
      return invalidArgument(`a filter repeats a part at most ${MAX_COUNT} times`);
    const pattern = RE2JS.compile(RE2JS.translateRegExp(source));
    if (pattern.programSize() > MAX_PROGRAM) {
      return invalidArgument('the regular expression of the filter is too large: use prefixes');
    }
    return (name) => pattern.test(name);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const ways = 'it may have no lookaround and no backreference';
    return senseless(like, `the regular expression cannot be read (${ways}): ${reason}`);
  }
}

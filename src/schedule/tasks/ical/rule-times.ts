// The times that a recurrence rule allows within a day, in milliseconds from the day's start.
import { EntryError } from '../entry-problem.ts';
import { DAY_MS } from './calendar-days.ts';
import type { RecurrenceRule } from './recurrence-rule.ts';
import type { Work } from './work.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** A rule with more times would recur too often in any case. */
const MAX_TIMES_OF_DAY = 10_000;

export type DayTimes = {
  /** The times of a day, ascending; those before `begin` may be missing. */
  readonly list: (day: number, work: Work, begin?: number) => Iterable<number>;
  /** How many times a day has. */
  readonly count: (day: number, work: Work) => number;
  /** How many times there are before a local time, where that takes no counting. */
  readonly countUntil?: (at: number) => number;
  /** The first day after a day that may have times. */
  readonly dayAfter: (day: number) => number;
  /** True when each day after the first has the same times. */
  readonly isSameEachDay: boolean;
};

/** The times of a rule whose FREQ is DAILY or longer: the same on each day. */
export function fixedTimes(rule: RecurrenceRule, dtstart: number): DayTimes {
  const hours = orElse(rule.byHour, Math.floor(timeOfDay(dtstart) / HOUR));
  const minutes = orElse(rule.byMinute, Math.floor(timeOfDay(dtstart) / MINUTE) % 60);
  const seconds = orElse(rule.bySecond, Math.floor(timeOfDay(dtstart) / SECOND) % 60);
  if (hours.length * minutes.length * seconds.length > MAX_TIMES_OF_DAY) {
    throw new EntryError('recurs_too_often', `recurs more than ${MAX_TIMES_OF_DAY} times a day`);
  }
  const times = hours.flatMap((h) =>
    minutes.flatMap((m) => seconds.map((s) => h * HOUR + m * MINUTE + s * SECOND)),
  );
  const dayAfter = (day: number): number => day + 1;
  return { list: () => times, count: () => times.length, dayAfter, isSameEachDay: true };
}

/** The times of a rule whose FREQ is HOURLY, MINUTELY or SECONDLY: its interval runs over midnight. */
export function steppedTimes(rule: RecurrenceRule, dtstart: number): DayTimes {
  const unit = rule.freq === 'HOURLY' ? HOUR : rule.freq === 'MINUTELY' ? MINUTE : SECOND;
  const step = unit * rule.interval;
  const base = Math.floor(dtstart / unit) * unit;
  const within = timesWithin(rule, dtstart, unit);
  const counts = new Map<number, number>();

  const firstOf = (day: number): number => {
    const begin = day * DAY_MS;
    return base + Math.max(0, Math.ceil((begin - base) / step)) * step - begin;
  };
  const allowed: readonly (readonly [unit: number, values: ReadonlySet<number>, size: number])[] = [
    [HOUR, new Set(rule.byHour), 24],
    [MINUTE, new Set(unit < HOUR ? rule.byMinute : []), 60],
    [SECOND, new Set(unit < MINUTE ? rule.bySecond : []), 60],
  ];
  const filters = allowed.filter(([, values]) => values.size > 0);

  /** The unit whose value the rule does not name; 0 where it names all. */
  const refusedBy = (time: number): number => {
    for (const [size, values, count] of filters) {
      if (!values.has(Math.floor(time / size) % count)) return size;
    }
    return 0;
  };

  function* list(day: number, work: Work, begin = 0): Generator<number, void, undefined> {
    const first = firstOf(day);
    const skipped = Math.max(0, Math.floor((begin - first) / step));
    for (let at = first + skipped * step; at < DAY_MS;) {
      work.spend(1);
      const refused = refusedBy(at);
      if (refused > 0) {
        const next = (Math.floor(at / refused) + 1) * refused;
        at = first + Math.ceil((next - first) / step) * step;
        continue;
      }
      for (const more of within) yield at + more;
      at += step;
    }
  }

  return {
    list,
    count(day, work) {
      const first = firstOf(day);
      if (filters.length === 0) {
        return Math.max(0, Math.ceil((DAY_MS - first) / step)) * within.length;
      }
      const known = counts.get(first);
      if (known !== undefined) return known;
      let found = 0;
      for (const _ of list(day, work)) found += 1;
      counts.set(first, found);
      return found;
    },
    ...(filters.length === 0 &&
      within.length === 1 && {
        countUntil: (at) => Math.max(0, Math.ceil((at - base - (within[0] ?? 0)) / step)),
      }),
    dayAfter: (day) => day + 1 + Math.floor(firstOf(day + 1) / DAY_MS),
    isSameEachDay: DAY_MS % step === 0,
  };
}

/** The times of one hour or minute, of which BYSETPOS selects some. */
function timesWithin(rule: RecurrenceRule, dtstart: number, unit: number): readonly number[] {
  const minutes =
    unit === HOUR ? orElse(rule.byMinute, Math.floor(timeOfDay(dtstart) / MINUTE) % 60) : [0];
  const seconds =
    unit >= MINUTE ? orElse(rule.bySecond, Math.floor(timeOfDay(dtstart) / SECOND) % 60) : [0];
  const times = minutes.flatMap((m) => seconds.map((s) => m * MINUTE + s * SECOND));
  if (rule.bySetPos.length === 0) return times;
  return positions(rule.bySetPos, times.length).map((n) => times[n] ?? 0);
}

/** The indexes that BYSETPOS selects in a set of `size`, ascending, each once. */
export function positions(bySetPos: readonly number[], size: number): readonly number[] {
  return sorted(bySetPos.map((pos) => (pos > 0 ? pos - 1 : size + pos))).filter(
    (n) => n >= 0 && n < size,
  );
}

function timeOfDay(at: number): number {
  return at - Math.floor(at / DAY_MS) * DAY_MS;
}

function orElse(list: readonly number[], fallback: number): readonly number[] {
  return list.length > 0 ? sorted(list) : [fallback];
}

function sorted(list: readonly number[]): readonly number[] {
  return [...new Set(list)].sort((a, b) => a - b);
}

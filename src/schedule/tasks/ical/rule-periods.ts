// The periods of a recurrence rule, such as its months, and the instances within a period.
import { DAY_MS, firstDayOf, weekOf, yearOf } from './calendar-days.ts';
import type { RecurrenceRule } from './recurrence-rule.ts';
import { ruleDays, type RuleDays } from './rule-days.ts';
import { fixedTimes, positions, steppedTimes, type DayTimes } from './rule-times.ts';
import type { Work } from './work.ts';

export type Series = {
  readonly rule: RecurrenceRule;
  readonly dtstart: number;
  readonly days: RuleDays;
  readonly times: DayTimes;
  /** True for HOURLY, MINUTELY and SECONDLY. Their periods here are days. */
  readonly isStepped: boolean;
  /** Days, weeks, months or years from one period to the next. */
  readonly interval: number;
  /** The first day of a period, and the day after its last one. */
  readonly startOf: (period: number) => number;
  readonly endOf: (period: number) => number;
  /** The last period that begins on the day or before it. */
  readonly periodOf: (day: number) => number;
};

export function createSeries(rule: RecurrenceRule, dtstart: number): Series {
  const { freq } = rule;
  const isStepped = freq === 'HOURLY' || freq === 'MINUTELY' || freq === 'SECONDLY';
  const interval = isStepped ? 1 : rule.interval;
  const start = dayOf(dtstart);
  const days = ruleDays(rule, start);
  const times = isStepped ? steppedTimes(rule, dtstart) : fixedTimes(rule, dtstart);
  const common = { rule, dtstart, days, times, isStepped, interval };
  if (freq === 'YEARLY' || freq === 'MONTHLY') {
    const size = freq === 'YEARLY' ? 12 : 1;
    const first = monthOf(start, size);
    const begin = (month: number): number => firstDayOf(0, month + 1);
    return {
      ...common,
      startOf: (period) => begin(first + period * size * interval),
      endOf: (period) => begin(first + period * size * interval + size),
      periodOf: (day) => Math.floor((monthOf(day, size) - first) / (size * interval)),
    };
  }
  const size = freq === 'WEEKLY' ? 7 : 1;
  const first = size === 7 ? weekOf(start, rule.weekStart) : start;
  return {
    ...common,
    startOf: (period) => first + period * size * interval,
    endOf: (period) => first + period * size * interval + size,
    periodOf: (day) => Math.floor((day - first) / (size * interval)),
  };
}

/** Months are counted from the year 0. */
function monthOf(day: number, size: number): number {
  const year = yearOf(day);
  return size === 12 ? year * 12 : year * 12 + new Date(day * DAY_MS).getUTCMonth();
}

export function dayOf(at: number): number {
  return Math.floor(at / DAY_MS);
}

/** The instances of a period; without BYSETPOS only those on the days of the range. */
export function* instancesOf(
  series: Series,
  period: number,
  from: number,
  to: number,
  work: Work,
): Generator<number, void, undefined> {
  const { rule, days, times, isStepped, startOf, endOf } = series;
  if (isStepped || rule.bySetPos.length === 0) {
    const first = Math.max(startOf(period), dayOf(from));
    for (const day of days.list(first, Math.min(endOf(period), dayOf(to - 1) + 1), work)) {
      for (const time of times.list(day, work, from - day * DAY_MS)) yield day * DAY_MS + time;
    }
    return;
  }
  const list = [...days.list(startOf(period), endOf(period), work)];
  const each = [...times.list(0, work)];
  for (const n of positions(rule.bySetPos, list.length * each.length)) {
    yield (list[Math.floor(n / each.length)] ?? 0) * DAY_MS + (each[n % each.length] ?? 0);
  }
}

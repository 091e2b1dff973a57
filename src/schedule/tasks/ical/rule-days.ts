// Which days a recurrence rule allows, whatever its interval is.
import {
  calendarDay,
  firstDayOf,
  isLeap,
  monthLength,
  weekdayOf,
  weekNumber,
  yearOf,
  type CalendarDay,
} from './calendar-days.ts';
import type { RecurrenceRule, Weekday } from './recurrence-rule.ts';
import type { Work } from './work.ts';

export type RuleDays = {
  /** The allowed days in `from <= day < to`, ascending. */
  readonly list: (from: number, to: number, work: Work) => Generator<number, void, undefined>;
  /** The same days, faster where they are many. */
  readonly listMany: (from: number, to: number, work: Work) => Generator<number, void, undefined>;
  /** How many days in `from <= day < to` are allowed. */
  readonly count: (from: number, to: number, work: Work) => number;
};

/** @param start the day of DTSTART, which supplies the parts that the rule lacks */
export function ruleDays(rule: RecurrenceRule, start: number): RuleDays {
  const first = calendarDay(start);
  const allows = (day: number): boolean => matches(rule, first, day, calendarDay(day));
  // Years of equal length, first weekday and neighbours have the same allowed days.
  const byKind = new Map<number, Uint16Array>();
  const sums = (year: number, work: Work): Uint16Array => {
    const from = firstDayOf(year);
    const kind = [year - 1, year, year + 1].reduce(
      (all, near) => all * 2 + Number(isLeap(near)),
      weekdayOf(from),
    );
    const known = byKind.get(kind);
    if (known !== undefined) return known;
    work.spend(4 * 366);
    const counts = new Uint16Array(367);
    for (let n = 0; n < 366; n += 1) counts[n + 1] = (counts[n] ?? 0) + Number(allows(from + n));
    byKind.set(kind, counts);
    return counts;
  };
  return {
    *list(from, to, work) {
      for (let day = from; day < to;) {
        work.spend(2);
        const found = calendarDay(day);
        if (!isMonth(rule, first, found.month)) {
          day += found.monthLength - found.monthDay + 1;
          continue;
        }
        if (matches(rule, first, day, found)) yield day;
        day += 1;
      }
    },
    *listMany(from, to, work) {
      for (let year = yearOf(from), day = from; day < to; year += 1) {
        const begin = firstDayOf(year);
        const end = Math.min(to, firstDayOf(year + 1));
        const found = sums(year, work);
        work.spend(end - day);
        for (; day < end; day += 1) {
          if ((found[day - begin + 1] ?? 0) > (found[day - begin] ?? 0)) yield day;
        }
      }
    },
    count(from, to, work) {
      if (from >= to) return 0;
      let total = 0;
      for (let year = yearOf(from); firstDayOf(year) < to; year += 1) {
        work.spend(2);
        const begin = firstDayOf(year);
        const end = Math.min(to, firstDayOf(year + 1));
        const found = sums(year, work);
        total += (found[end - begin] ?? 0) - (found[Math.max(from, begin) - begin] ?? 0);
      }
      return total;
    },
  };
}

/** True when every day is allowed. */
export function allowsEveryDay({ freq, ...rule }: RecurrenceRule): boolean {
  const { byDay, byMonth, byMonthDay, byYearDay } = rule;
  const isDaily = freq !== 'WEEKLY' && freq !== 'MONTHLY' && freq !== 'YEARLY';
  return isDaily && byDay.length + byMonth.length + byMonthDay.length + byYearDay.length === 0;
}

function matches(
  rule: RecurrenceRule,
  start: CalendarDay,
  day: number,
  found: CalendarDay,
): boolean {
  const { freq, byDay, byMonthDay, byYearDay, byWeekNo } = rule;
  if (!isMonth(rule, start, found.month)) return false;
  if (namesNoDay(rule) && (freq === 'YEARLY' || freq === 'MONTHLY')) {
    return found.monthDay === start.monthDay;
  }
  if (!isListed(byMonthDay, found.monthDay, found.monthLength)) return false;
  if (!isListed(byYearDay, found.yearDay, found.yearLength)) return false;
  if (byWeekNo.length > 0 && freq === 'YEARLY') {
    const { number, weeks } = weekNumber(day, rule.weekStart);
    if (!isListed(byWeekNo, number, weeks)) return false;
  }
  if (byDay.length > 0) return byDay.some((weekday) => isWeekday(rule, weekday, found));
  const isWeekly = freq === 'WEEKLY' || (freq === 'YEARLY' && byWeekNo.length > 0);
  if (!isWeekly || byMonthDay.length > 0 || byYearDay.length > 0) return true;
  return found.weekday === start.weekday;
}

function isMonth(rule: RecurrenceRule, start: CalendarDay, month: number): boolean {
  if (rule.byMonth.length > 0) return rule.byMonth.includes(month);
  return rule.freq !== 'YEARLY' || !namesNoDay(rule) || month === start.month;
}

function namesNoDay({ byDay, byMonthDay, byYearDay, byWeekNo }: RecurrenceRule): boolean {
  return byDay.length + byMonthDay.length + byYearDay.length + byWeekNo.length === 0;
}

/** True when the list is empty or names the number, counted from 1 or back from -1. */
function isListed(list: readonly number[], number: number, last: number): boolean {
  return list.length === 0 || list.includes(number) || list.includes(number - last - 1);
}

function isWeekday(rule: RecurrenceRule, { nth, day }: Weekday, found: CalendarDay): boolean {
  if (day !== found.weekday) return false;
  const { freq, byMonth } = rule;
  if (nth === 0 || (freq !== 'MONTHLY' && freq !== 'YEARLY')) return true;
  const inYear = freq === 'YEARLY' && byMonth.length === 0;
  const number = inYear ? found.yearDay : found.monthDay;
  const length = inYear ? found.yearLength : monthLength(found.year, found.month);
  return nth === (nth > 0 ? Math.ceil(number / 7) : -Math.ceil((length - number + 1) / 7));
}

// The recurrence instances of a rule. Times here are local times as if they were UTC. Only the days of
// the requested range are examined, so a rule that never matches or began in 1970 costs no more than
// others. A rule with COUNT is counted from its start.
import { EntryError } from '../entry-problem.ts';
import type { RecurrenceRule } from './recurrence-rule.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The most days that are examined to count instances: a century. */
const MAX_COUNTED_DAYS = 36_600;
const MAX_COUNTED = 100_000;

/** The rule's instances in `from <= at < to`, ascending. DTSTART is one only if it matches the rule. */
export function* recurrenceInstances(
  rule: RecurrenceRule,
  dtstart: number,
  { from, to }: { readonly from: number; readonly to: number },
  isPast: (at: number) => boolean = () => false,
): Generator<number, void, undefined> {
  const counted = rule.count !== undefined;
  const begin = counted ? dtstart : Math.max(dtstart, from);
  let number = 0;
  let days = 0;
  for (const period of periods(rule, dtstart, begin, to)) {
    days += period.days;
    if (counted && (days > MAX_COUNTED_DAYS || number > MAX_COUNTED)) throw tooLong();
    for (const at of instancesOfPeriod(rule, dtstart, period)) {
      if (at < dtstart) continue;
      if (at >= to || isPast(at)) return;
      number += 1;
      if (rule.count !== undefined && number > rule.count) return;
      if (number > MAX_COUNTED && counted) throw tooLong();
      if (at >= from) yield at;
    }
  }
}

type Period = { readonly start: number; readonly days: number };

/** The rule's periods that overlap `begin <= at < to`; those of hours and less are joined to days. */
function* periods(
  rule: RecurrenceRule,
  dtstart: number,
  begin: number,
  to: number,
): Generator<Period, void, undefined> {
  const { freq, interval } = rule;
  if (freq === 'YEARLY' || freq === 'MONTHLY') {
    const size = freq === 'YEARLY' ? 12 : 1;
    const first = monthOf(dtstart, size);
    const skipped = Math.max(0, Math.floor((monthOf(begin, size) - first) / (size * interval)));
    for (let month = first + skipped * size * interval; ; month += size * interval) {
      const start = Date.UTC(BASE_YEAR, month, 1);
      // Not a number where the date is out of range.
      if (!(start < to)) return;
      yield { start, days: (Date.UTC(BASE_YEAR, month + size, 1) - start) / DAY };
    }
  }
  const length = freq === 'WEEKLY' ? 7 * DAY : DAY;
  const step = freq === 'WEEKLY' || freq === 'DAILY' ? length * interval : DAY;
  const first = freq === 'WEEKLY' ? weekOf(dtstart, rule.weekStart) : dayOf(dtstart);
  const skipped = Math.max(0, Math.floor((begin - first) / step));
  for (let start = first + skipped * step; start < to; start += step) {
    yield { start, days: length / DAY };
  }
}

/** Months are counted from this year: Date.UTC reads the years 0 to 99 as 1900 to 1999. */
const BASE_YEAR = 1900;

function monthOf(at: number, size: number): number {
  const date = new Date(at);
  const months = (date.getUTCFullYear() - BASE_YEAR) * 12 + date.getUTCMonth();
  return size === 12 ? Math.floor(months / 12) * 12 : months;
}

function dayOf(at: number): number {
  return Math.floor(at / DAY) * DAY;
}

function weekOf(at: number, weekStart: number): number {
  const day = dayOf(at);
  return day - ((weekdayOf(day) - weekStart + 7) % 7) * DAY;
}

function weekdayOf(day: number): number {
  return (((day / DAY + 4) % 7) + 7) % 7;
}

function* instancesOfPeriod(
  rule: RecurrenceRule,
  dtstart: number,
  { start, days }: Period,
): Generator<number, void, undefined> {
  const { freq, bySetPos } = rule;
  const dates: number[] = [];
  for (let n = 0; n < days; n += 1) {
    if (matchesDay(rule, dtstart, start + n * DAY)) dates.push(start + n * DAY);
  }
  if (freq === 'HOURLY' || freq === 'MINUTELY' || freq === 'SECONDLY') {
    for (const day of dates) yield* instancesOfDay(rule, dtstart, day);
    return;
  }
  const times = timesOf(rule, dtstart);
  if (bySetPos.length === 0) {
    for (const day of dates) for (const time of times) yield day + time;
    return;
  }
  yield* selectBySetPos(
    bySetPos,
    dates.length * times.length,
    (n) => (dates[Math.floor(n / times.length)] ?? 0) + (times[n % times.length] ?? 0),
  );
}

/** The members of a set of `size` that BYSETPOS selects, in order, each once. */
function* selectBySetPos(
  bySetPos: readonly number[],
  size: number,
  member: (n: number) => number,
): Generator<number, void, undefined> {
  const indexes = bySetPos.map((pos) => (pos > 0 ? pos - 1 : size + pos));
  const selected = [...new Set(indexes)].filter((n) => n >= 0 && n < size).sort((a, b) => a - b);
  for (const n of selected) yield member(n);
}

/** The times of day of a rule whose FREQ is DAILY or longer. */
function timesOf(rule: RecurrenceRule, dtstart: number): readonly number[] {
  const start = new Date(dtstart);
  const hours = orElse(rule.byHour, start.getUTCHours());
  const minutes = orElse(rule.byMinute, start.getUTCMinutes());
  const seconds = orElse(rule.bySecond, start.getUTCSeconds());
  const times = hours.flatMap((h) =>
    minutes.flatMap((m) => seconds.map((s) => h * HOUR + m * MINUTE + s * SECOND)),
  );
  return sorted(times);
}

function orElse(list: readonly number[], fallback: number): readonly number[] {
  return list.length > 0 ? list : [fallback];
}

function sorted(list: readonly number[]): readonly number[] {
  return [...new Set(list)].sort((a, b) => a - b);
}

/** The instances of a day, for FREQ HOURLY, MINUTELY and SECONDLY. */
function* instancesOfDay(
  rule: RecurrenceRule,
  dtstart: number,
  day: number,
): Generator<number, void, undefined> {
  const unit = rule.freq === 'HOURLY' ? HOUR : rule.freq === 'MINUTELY' ? MINUTE : SECOND;
  const step = unit * rule.interval;
  const base = Math.floor(dtstart / unit) * unit;
  const first = base + Math.max(0, Math.ceil((day - base) / step)) * step;
  const start = new Date(dtstart);
  const minutes = unit === HOUR ? sorted(orElse(rule.byMinute, start.getUTCMinutes())) : [0];
  const seconds = unit >= MINUTE ? sorted(orElse(rule.bySecond, start.getUTCSeconds())) : [0];
  for (let at = first; at < day + DAY; at += step) {
    const date = new Date(at);
    if (!allows(rule.byHour, date.getUTCHours())) continue;
    if (unit < HOUR && !allows(rule.byMinute, date.getUTCMinutes())) continue;
    if (unit < MINUTE && !allows(rule.bySecond, date.getUTCSeconds())) continue;
    const set = minutes.flatMap((m) => seconds.map((s) => at + m * MINUTE + s * SECOND));
    if (rule.bySetPos.length === 0) yield* set;
    else yield* selectBySetPos(rule.bySetPos, set.length, (n) => set[n] ?? at);
  }
}

function allows(list: readonly number[], value: number): boolean {
  return list.length === 0 || list.includes(value);
}

/** True when the day matches the rule's parts about days; DTSTART supplies those that are absent. */
function matchesDay(rule: RecurrenceRule, dtstart: number, day: number): boolean {
  const { freq, byDay, byMonth, byMonthDay, byYearDay, byWeekNo } = rule;
  const date = new Date(day);
  const start = new Date(dtstart);
  const [year, month, monthDay] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  const noDays = byDay.length + byMonthDay.length + byYearDay.length + byWeekNo.length === 0;
  if (!allows(byMonth, month + 1)) return false;
  if (freq === 'YEARLY' && noDays) {
    const isMonth = byMonth.length > 0 || month === start.getUTCMonth();
    return isMonth && monthDay === start.getUTCDate();
  }
  if (freq === 'MONTHLY' && noDays) return monthDay === start.getUTCDate();
  if (byMonthDay.length > 0) {
    const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
    if (!byMonthDay.some((n) => (n > 0 ? n : last + 1 + n) === monthDay)) return false;
  }
  if (byYearDay.length > 0) {
    const number = (day - Date.UTC(year, 0, 1)) / DAY + 1;
    const last = (Date.UTC(year + 1, 0, 1) - Date.UTC(year, 0, 1)) / DAY;
    if (!byYearDay.some((n) => (n > 0 ? n : last + 1 + n) === number)) return false;
  }
  if (byWeekNo.length > 0 && freq === 'YEARLY') {
    const { number, weeks } = weekNumber(day, rule.weekStart);
    if (!byWeekNo.some((n) => (n > 0 ? n : weeks + 1 + n) === number)) return false;
  }
  const impliesWeekday =
    freq === 'WEEKLY' || (freq === 'YEARLY' && byWeekNo.length > 0 && byMonthDay.length === 0);
  if (byDay.length === 0) {
    return !impliesWeekday || byYearDay.length > 0 || weekdayOf(day) === weekdayOf(dayOf(dtstart));
  }
  return byDay.some(({ nth, day: weekday }) => {
    if (weekday !== weekdayOf(day)) return false;
    if (nth === 0 || (freq !== 'MONTHLY' && freq !== 'YEARLY')) return true;
    const inYear = freq === 'YEARLY' && byMonth.length === 0;
    const from = Date.UTC(year, inYear ? 0 : month, 1);
    const to = inYear ? Date.UTC(year + 1, 0, 1) : Date.UTC(year, month + 1, 1);
    const position =
      nth > 0
        ? Math.floor((day - from) / DAY / 7) + 1
        : -(Math.floor((to - DAY - day) / DAY / 7) + 1);
    return position === nth;
  });
}

/** The week's number (ISO 8601, with the rule's first weekday), and the number of weeks of that year. */
function weekNumber(
  day: number,
  weekStart: number,
): { readonly number: number; readonly weeks: number } {
  const week = weekOf(day, weekStart);
  const year = new Date(week + 3 * DAY).getUTCFullYear();
  const first = weekOf(Date.UTC(year, 0, 4), weekStart);
  const next = weekOf(Date.UTC(year + 1, 0, 4), weekStart);
  return { number: (week - first) / (7 * DAY) + 1, weeks: (next - first) / (7 * DAY) };
}

function tooLong(): EntryError {
  return new EntryError('recurrence_too_long', 'has more instances than can be counted');
}

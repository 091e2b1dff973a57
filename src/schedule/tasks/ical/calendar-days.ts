// The fields of a day in the Gregorian calendar. Days are numbered from 1970-01-01; a Date object for each
// day would cost most of a rule's time.

export type CalendarDay = {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly monthDay: number;
  readonly monthLength: number;
  /** From 1. */
  readonly yearDay: number;
  readonly yearLength: number;
  /** 0 for Sunday. */
  readonly weekday: number;
};

export const DAY_MS = 24 * 60 * 60_000;
const MONTH_LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
/** The Gregorian calendar repeats itself after 400 years. */
const CYCLE_DAYS = 146_097;

export function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

export function monthLength(year: number, month: number): number {
  return month === 2 && isLeap(year) ? 29 : (MONTH_LENGTHS[month - 1] ?? 31);
}

/** The number of the day that a month begins with; `month` may lie outside of 1 to 12. */
export function firstDayOf(year: number, month = 1): number {
  // Date.UTC reads the years 0 to 99 as 1900 to 1999; a later cycle has the same days.
  return Date.UTC(year + 400, month - 1, 1) / DAY_MS - CYCLE_DAYS;
}

export function weekdayOf(day: number): number {
  return (((day + 4) % 7) + 7) % 7;
}

export function yearOf(day: number): number {
  return new Date(day * DAY_MS).getUTCFullYear();
}

export function calendarDay(day: number): CalendarDay {
  const date = new Date(day * DAY_MS);
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth() + 1;
  return {
    year,
    month,
    monthDay: date.getUTCDate(),
    monthLength: monthLength(year, month),
    yearDay: day - firstDayOf(year) + 1,
    yearLength: isLeap(year) ? 366 : 365,
    weekday: weekdayOf(day),
  };
}

/** The first day of the week around a day. */
export function weekOf(day: number, weekStart: number): number {
  return day - ((weekdayOf(day) - weekStart + 7) % 7);
}

/** The week's number (ISO 8601, with the rule's first weekday), and the number of weeks of that year. */
export function weekNumber(
  day: number,
  weekStart: number,
): { readonly number: number; readonly weeks: number } {
  const week = weekOf(day, weekStart);
  const year = yearOf(week + 3);
  const first = firstWeek(year, weekStart);
  const weeks = (firstWeek(year + 1, weekStart) - first) / 7;
  return { number: (week - first) / 7 + 1, weeks };
}

function firstWeek(year: number, weekStart: number): number {
  return weekOf(firstDayOf(year) + 3, weekStart);
}

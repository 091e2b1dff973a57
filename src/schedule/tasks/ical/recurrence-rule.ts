// Parses and checks a recurrence rule (RECUR value).
import { propertyError, valueOf } from './components.ts';
import type { ContentLine } from './content-lines.ts';

const FREQUENCIES = [
  'SECONDLY',
  'MINUTELY',
  'HOURLY',
  'DAILY',
  'WEEKLY',
  'MONTHLY',
  'YEARLY',
] as const;

/** `nth` is 0 for every such weekday of the period; `day` is 0 for Sunday. */
export type Weekday = { readonly nth: number; readonly day: number };

export type RecurrenceRule = {
  readonly freq: (typeof FREQUENCIES)[number];
  readonly interval: number;
  readonly count: number | undefined;
  /** In the basic format: `20260131`, `20260131T100000`, `20260131T100000Z`. */
  readonly until: string | undefined;
  readonly weekStart: number;
  readonly bySecond: readonly number[];
  readonly byMinute: readonly number[];
  readonly byHour: readonly number[];
  readonly byDay: readonly Weekday[];
  readonly byMonthDay: readonly number[];
  readonly byYearDay: readonly number[];
  readonly byWeekNo: readonly number[];
  readonly byMonth: readonly number[];
  readonly bySetPos: readonly number[];
};

const DAYS: readonly string[] = ['SU', 'MO', 'TU', 'WE', 'TH', 'FR', 'SA'];
const MAX_LIST = 366;

/** Reads a rule such as `FREQ=WEEKLY;BYDAY=MO`. @throws EntryError when it is invalid */
export function readRecurrenceRule(line: ContentLine): RecurrenceRule {
  const text = valueOf(line);
  const parts = new Map<string, string>();
  for (const part of text.split(';')) {
    if (part === '') continue;
    const [key = '', value = ''] = part.split('=', 2);
    parts.set(key.trim().toUpperCase(), value.trim().toUpperCase());
  }
  if (parts.has('RSCALE') && parts.get('RSCALE') !== 'GREGORIAN') {
    throw propertyError(line, 'counts by another calendar than the Gregorian one');
  }
  const freq = FREQUENCIES.find((known) => known === parts.get('FREQ'));
  if (freq === undefined) throw propertyError(line, 'has no FREQ that is known');
  const numbers = (key: string, min: number, max: number, negative = false): readonly number[] =>
    list(parts.get(key), line).map((item) => {
      const value = /^[+-]?\d{1,3}$/.test(item) ? Number(item) : NaN;
      const size = negative ? Math.abs(value) : value;
      if (!(size >= min && size <= max)) throw propertyError(line, `has a ${key} out of range`);
      return value;
    });
  const whole = (key: string, max: number): number | undefined => {
    const value = parts.get(key);
    if (value === undefined) return undefined;
    if (!/^\d{1,12}$/.test(value) || Number(value) < 1 || Number(value) > max) {
      throw propertyError(line, `has a ${key} out of range`);
    }
    return Number(value);
  };
  const until = parts.get('UNTIL')?.replaceAll('-', '').replaceAll(':', '');
  if (until !== undefined && !/^\d{8}(T\d{6}Z?)?$/.test(until)) {
    throw propertyError(line, 'has an UNTIL that is not a date or time');
  }
  const weekStart = DAYS.indexOf(parts.get('WKST') ?? 'MO');
  return {
    freq,
    interval: whole('INTERVAL', 1_000_000) ?? 1,
    count: whole('COUNT', 999_999_999_999),
    until,
    weekStart: weekStart < 0 ? 1 : weekStart,
    bySecond: numbers('BYSECOND', 0, 59),
    byMinute: numbers('BYMINUTE', 0, 59),
    byHour: numbers('BYHOUR', 0, 23),
    byDay: list(parts.get('BYDAY'), line).map((item) => weekday(item, line)),
    byMonthDay: numbers('BYMONTHDAY', 1, 31, true),
    byYearDay: numbers('BYYEARDAY', 1, 366, true),
    byWeekNo: numbers('BYWEEKNO', 1, 53, true),
    byMonth: numbers('BYMONTH', 1, 12),
    bySetPos: numbers('BYSETPOS', 1, 366, true),
  };
}

function weekday(item: string, line: ContentLine): Weekday {
  const match = /^([+-]?\d{1,2})?([A-Z]{2})$/.exec(item);
  const day = DAYS.indexOf(match?.[2] ?? '');
  const nth = Number(match?.[1] ?? 0);
  if (match === null || day < 0 || Math.abs(nth) > 53)
    throw propertyError(line, 'has an unknown BYDAY');
  return { nth, day };
}

function list(value: string | undefined, line: ContentLine): readonly string[] {
  if (value === undefined || value === '') return [];
  const items = value.split(',').map((item) => item.trim());
  if (items.length > MAX_LIST) throw propertyError(line, `lists more than ${MAX_LIST} values`);
  return items;
}

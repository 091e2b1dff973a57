// Instants are integer milliseconds since 1970-01-01T00:00:00Z, and RFC 3339 text in and out. Keys are made
// of the integer, never of the text, so that one instant in two time zones gives one key.
import { err, ok, type Result } from './result.ts';

/** Integer milliseconds since the Unix epoch, 1970-01-01 to 9999-12-31. */
export type Instant = number;

/** 9999-12-31T23:59:59.999Z */
export const MAX_INSTANT: Instant = 253_402_300_799_999;

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:([Zz])|([+-])(\d{2}):(\d{2}))$/;
const WITHOUT_OFFSET = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/;

/** Reads an RFC 3339 instant. Cuts fractions below milliseconds: rounding can change the window. */
export function parseInstant(text: string): Result<Instant, string> {
  const canonical = canonicalInstant(text);
  if (canonical !== undefined) return ok(canonical);
  const match = RFC3339.exec(text);
  if (match === null) {
    return err(
      WITHOUT_OFFSET.test(text)
        ? 'has no offset: end it with Z or +hh:mm'
        : 'is not an RFC 3339 instant such as 2026-04-30T10:17:42+08:00',
    );
  }
  const [, year, month, day, hour, minute, second, fraction = '', , sign, offHour, offMinute] =
    match;
  const fields = [year, month, day, hour, minute, second].map(Number);
  const [y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0] = fields;
  if (s === 60) return err('is a leap second, which has no place on the millisecond scale');
  if (mo < 1 || mo > 12 || d < 1 || d > daysInMonth(y, mo) || h > 23 || mi > 59 || s > 59) {
    return err('is not a date and time that exists');
  }
  const oh = Number(offHour ?? 0);
  const om = Number(offMinute ?? 0);
  if (oh > 23 || om > 59) return err('has an offset that does not exist');
  const milliseconds = Number(fraction.slice(0, 3).padEnd(3, '0'));
  const offset = (sign === '-' ? -1 : 1) * (oh * 60 + om) * 60_000;
  const instant = Date.UTC(y, mo - 1, d, h, mi, s, milliseconds) - offset;
  // Date.UTC reads the years 0 to 99 as 1900 to 1999.
  return y < 100 || instant < 0 || instant > MAX_INSTANT
    ? err('is outside the years 1970 to 9999')
    : ok(instant);
}

/** Reads the form of {@link formatInstant}, which nearly every stored instant has; else `undefined`. */
function canonicalInstant(text: string): Instant | undefined {
  if (text.length !== 24 || text[23] !== 'Z' || text[10] !== 'T' || text[19] !== '.') {
    return undefined;
  }
  if (text[4] !== '-' || text[7] !== '-' || text[13] !== ':' || text[16] !== ':') return undefined;
  const year = digits(text, 0, 4);
  const [month, day] = [digits(text, 5, 7), digits(text, 8, 10)];
  const [hour, minute, second] = [digits(text, 11, 13), digits(text, 14, 16), digits(text, 17, 19)];
  const millisecond = digits(text, 20, 23);
  // Every comparison with NaN is false. Days 29 to 31 are left to the slow path.
  const isPlain =
    year >= 1970 &&
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= 28 &&
    hour <= 23 &&
    minute <= 59 &&
    second <= 59 &&
    millisecond >= 0;
  if (!isPlain) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second, millisecond);
}

/** The number in these characters; NaN when a character is no digit. */
function digits(text: string, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return NaN;
    number = number * 10 + digit;
  }
  return number;
}

const DAY_MS = 86_400_000;
const digitsOf = (length: number): readonly string[] =>
  Array.from({ length: 10 ** length }, (_, number) => String(number).padStart(length, '0'));
const [TWO_DIGITS, THREE_DIGITS] = [digitsOf(2), digitsOf(3)];

/** RFC 3339 in UTC with milliseconds: `2026-04-30T02:17:42.000Z`. */
export function formatInstant(instant: Instant): string {
  const day = Math.floor(instant / DAY_MS);
  const time = Math.trunc(instant - day * DAY_MS);
  const hours = TWO_DIGITS[Math.floor(time / 3_600_000)] ?? '';
  const minutes = TWO_DIGITS[Math.floor(time / 60_000) % 60] ?? '';
  const seconds = TWO_DIGITS[Math.floor(time / 1_000) % 60] ?? '';
  return `${dateOf(day)}${hours}:${minutes}:${seconds}.${THREE_DIGITS[time % 1_000] ?? ''}Z`;
}

/** A message has about six instants of one or two days, so the text of each day is computed once. */
function dateOf(day: number): string {
  const known = dates.get(day);
  if (known !== undefined) return known;
  const date = new Date(day * DAY_MS).toISOString().slice(0, -'00:00:00.000Z'.length);
  if (dates.size >= DATES_KEPT) dates.clear();
  dates.set(day, date);
  return date;
}

const dates = new Map<number, string>();
const DATES_KEPT = 1_000;

/** RFC 3339 in UTC with whole seconds, the form that dedupe keys use: `2026-04-30T02:00:00Z`. */
export function formatInstantSeconds(instant: Instant): string {
  return `${formatInstant(instant).slice(0, 19)}Z`;
}

function daysInMonth(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

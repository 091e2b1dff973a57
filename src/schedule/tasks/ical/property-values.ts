// Properties and their values. They are read here and not by a library: ical.js gives dates such as "20261399" and
// bare dates without VALUE=DATE a wrong value, and loses time zone names that hold a colon.
import { MAX_INSTANT, type Instant } from '../../../domain/core/instants.ts';
import { propertyError } from './components.ts';
import type { ContentLine } from './content-lines.ts';
import { DAY_MS } from './calendar-days.ts';

export type Property = {
  readonly line: ContentLine;
  /** By name, in lower case. */
  readonly params: ReadonlyMap<string, string>;
  readonly value: string;
};

export type DateTimeValue = {
  /** The local date and time as if they were UTC, in milliseconds. */
  readonly local: number;
  readonly form: 'date' | 'utc' | 'local';
  readonly tzid?: string | undefined;
};

/** A nominal duration (RFC 5545, 3.3.6): days keep the time of day, the rest is exact. */
export type Duration = { readonly days: number; readonly ms: number };

const PARAM = /;\s*([A-Za-z0-9-]+)\s*=((?:"[^"]*"|[^";])*)/y;
/** RFC 6868. */
const CARETS: Readonly<Record<string, string>> = { '^n': '\n', '^^': '^', "^'": '"' };

/** Parses a content line. @throws EntryError when it cannot be parsed */
export function readProperty(line: ContentLine): Property {
  const { text } = line;
  let colon = nextColon(text, 0);
  // Some programs do not quote a TZID with a colon. Values with such a parameter hold no colon.
  if (/;TZID=[^":]*$/i.test(text.slice(0, colon))) {
    const last = text.lastIndexOf(':');
    if (/^[\dTZ,/P+\-\s]*$/.test(text.slice(last + 1))) colon = last;
  }
  if (colon < 0) throw propertyError(line, 'cannot be read: it has no value');
  const params = new Map<string, string>();
  PARAM.lastIndex = line.name.length;
  while (PARAM.lastIndex < colon) {
    const [match, name = '', value = ''] = PARAM.exec(text.slice(0, colon)) ?? [];
    if (match === undefined) break;
    const unquoted = value.trim().replace(/^"([^"]*)"$/, '$1');
    params.set(
      name.toLowerCase(),
      unquoted.replace(/\^[n^']/g, (pair) => CARETS[pair] ?? pair),
    );
  }
  return { line, params, value: text.slice(colon + 1).trim() };
}

/** The next colon that is not within quotes. */
function nextColon(text: string, from: number): number {
  let isQuoted = false;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '"') isQuoted = !isQuoted;
    else if (text[at] === ':' && !isQuoted) return at;
  }
  // A quotation mark without its partner quotes nothing.
  return isQuoted ? text.indexOf(':', from) : -1;
}

/** A TEXT value without its escapes. */
export function unescapeText(text: string): string {
  return text.replace(/\\([\\;,:"nN])/g, (_, escaped: string) =>
    escaped.toLowerCase() === 'n' ? '\n' : escaped,
  );
}

const DATE = /^(\d{4})-?(\d{2})-?(\d{2})(?:T(\d{2}):?(\d{2}):?(\d{2})(Z?))?$/i;

/** Reads a DATE or DATE-TIME, with or without VALUE=DATE. @throws EntryError when it is invalid */
export function readDateTime(property: Property, text = property.value): DateTimeValue {
  const match = DATE.exec(text.trim());
  const [, ...fields] = match ?? [];
  const [y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0] = fields.map((field) => Number(field || 0));
  // A leap second counts as the second after it.
  const local = Date.UTC(y, mo - 1, d, h, mi, s);
  const day = new Date(Date.UTC(y, mo - 1, d));
  const exists = day.getUTCMonth() === mo - 1 && day.getUTCDate() === d;
  if (match === null || y < 1000 || !exists || h > 23 || mi > 59 || s > 60) {
    throw propertyError(property.line, 'is not a date or time that exists');
  }
  if (match[4] === undefined) return { local, form: 'date' };
  if (match[7]?.toUpperCase() === 'Z') return { local, form: 'utc' };
  return { local, form: 'local', tzid: property.params.get('tzid') };
}

const DURATION =
  /^([+-]?)P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?$/i;

/** Reads a DURATION. @throws EntryError when it is invalid */
export function readDuration({ line, value }: Property, text = value): Duration {
  const match = DURATION.exec(text.trim());
  if (match === null || !/\d/.test(text)) throw propertyError(line, 'is not a duration');
  const [w = 0, d = 0, h = 0, m = 0, s = 0] = match.slice(2).map((field) => Number(field || 0));
  const sign = match[1] === '-' ? -1 : 1;
  return { days: sign * (w * 7 + d), ms: sign * ((h * 60 + m) * 60_000 + s * 1000) };
}

/** The length of a duration on days without a clock change, in milliseconds. */
export function usualLength({ days, ms }: Duration): number {
  return days * DAY_MS + ms;
}

/** True for an instant that events can store. */
export function isInstant(at: number): at is Instant {
  return Number.isSafeInteger(at) && at >= 0 && at <= MAX_INSTANT;
}

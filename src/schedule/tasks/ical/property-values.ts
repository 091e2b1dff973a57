// Values of properties. They are checked here, because ical.js accepts dates such as "20261399".
import ICAL from 'ical.js';
import { MAX_INSTANT, type Instant } from '../../../domain/core/instants.ts';
import { propertyError, type ContentLine } from './components.ts';
import { oneLine } from '../../../domain/core/text.ts';

export type Property = {
  readonly line: ContentLine;
  readonly params: ReadonlyMap<string, string>;
  readonly values: readonly string[];
};

export type DateTimeValue = {
  /** The local date and time as if they were UTC, in milliseconds. */
  readonly local: number;
  readonly form: 'date' | 'utc' | 'local';
  readonly tzid?: string | undefined;
};

/** Parses a content line. @throws EntryError when it cannot be parsed */
export function readProperty(line: ContentLine): Property {
  let parsed: unknown;
  try {
    parsed = ICAL.parse.property(line.text);
  } catch (error) {
    const why = error instanceof Error ? oneLine(error.message) : '';
    throw propertyError(line, `cannot be read: ${why}`);
  }
  if (!Array.isArray(parsed)) throw propertyError(line, 'cannot be read');
  const [, params, type, ...values] = parsed.map((part: unknown) => part);
  const map = new Map<string, string>();
  if (typeof params === 'object' && params !== null) {
    for (const [key, value] of Object.entries(params)) map.set(key, String(value));
  }
  if (typeof type === 'string') map.set('value', type);
  return { line, params: map, values: values.map((value) => textValue(value)) };
}

function textValue(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(String).join('/');
  return typeof value === 'object' && value !== null ? '' : String(value);
}

// ical.js leaves the basic format in properties that it does not know.
const DATE = /^(\d{4})-?(\d{2})-?(\d{2})(?:T(\d{2}):?(\d{2}):?(\d{2})(Z?))?$/;

/** Reads a DATE or DATE-TIME. @throws EntryError when it is invalid */
export function readDateTime(property: Property, text = property.values[0] ?? ''): DateTimeValue {
  const match = DATE.exec(text);
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
  if (match[7] === 'Z') return { local, form: 'utc' };
  return { local, form: 'local', tzid: property.params.get('tzid') };
}

const DURATION =
  /^([+-]?)P(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?$/;

/** Reads a DURATION as milliseconds. @throws EntryError when it is invalid */
export function readDuration({ line, values: [text = ''] }: Property): number {
  const match = DURATION.exec(text);
  if (match === null || !/\d/.test(text)) throw propertyError(line, 'is not a duration');
  const [w = 0, d = 0, h = 0, m = 0, s = 0] = match.slice(2).map((field) => Number(field || 0));
  const ms = (((w * 7 + d) * 24 + h) * 60 + m) * 60_000 + s * 1000;
  return match[1] === '-' ? -ms : ms;
}

/** True for an instant that events can store. */
export function isInstant(at: number): at is Instant {
  return Number.isSafeInteger(at) && at >= 0 && at <= MAX_INSTANT;
}

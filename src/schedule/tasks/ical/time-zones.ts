// From a wall clock to an instant. A zone's name is looked up in this machine's zone data first: what
// calendars bring along is often of another year. Only names that nobody knows are taken from the file.
import ICAL from 'ical.js';
import { badLine, lineOf, linesOf, type Component, type ContentLine } from './components.ts';
import { readProperty, readDateTime, type DateTimeValue } from './property-values.ts';
import { readRecurrenceRule } from './recurrence-rule.ts';
import { EntryError } from '../entry-problem.ts';
import { WINDOWS_ZONES } from './windows-zones.ts';

/** Finds the instant of a wall clock in one zone. */
export type TimeZone = { readonly toInstant: (local: number) => number };

/** The zones of one calendar. */
export type TimeZones = {
  /** @throws EntryError for a zone that nobody knows */
  readonly toInstant: (when: DateTimeValue, line: ContentLine) => number;
};

const DAY = 24 * 60 * 60 * 1000;
const QUARTER = 15 * 60 * 1000;
/** Offsets that are kept per zone. */
const MAX_KNOWN = 20_000;
/** Observances of one zone; the fullest zone data have fewer. */
const MAX_OBSERVANCES = 500;

const UTC: TimeZone = { toInstant: (local) => local };

/**
 * @param timezones the VTIMEZONEs of the calendar, by TZID
 * @param floating the zone that a time without one is in
 */
export function createTimeZones(
  timezones: ReadonlyMap<string, Component>,
  floating: TimeZone,
): TimeZones {
  const known = new Map<string, TimeZone | EntryError>();
  const find = (tzid: string): TimeZone | EntryError => {
    let zone = known.get(tzid);
    if (zone === undefined) {
      zone = zoneOf(tzid, timezones);
      known.set(tzid, zone);
    }
    return zone;
  };
  return {
    toInstant(when, line) {
      if (when.form === 'utc') return when.local;
      if (when.tzid === undefined) return floating.toInstant(when.local);
      const zone = find(when.tzid);
      if (zone instanceof EntryError) throw badLine(line, zone.message);
      return zone.toInstant(when.local);
    },
  };
}

/** A zone by its name, or why there is none. */
function zoneOf(tzid: string, timezones: ReadonlyMap<string, Component>): TimeZone | EntryError {
  const named = namedTimeZone(tzid);
  if (named !== undefined) return named;
  const component = timezones.get(tzid);
  if (component !== undefined) {
    try {
      return definedZone(component);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return new EntryError(
        'invalid_zone',
        `is in the zone "${tzid.slice(0, 64)}", which ${message}`,
      );
    }
  }
  const shown = tzid.slice(0, 64);
  return new EntryError('unknown_zone', `is in the zone "${shown}", which nobody knows`);
}

const formats = new Map<string, TimeZone | undefined>();

/**
 * A zone of this machine's data: an IANA name, also as Mozilla and others prefix it, or a Windows name.
 */
export function namedTimeZone(name: string): TimeZone | undefined {
  const key = name.slice(0, 128);
  if (!formats.has(key)) {
    if (formats.size > 2_000) formats.clear();
    formats.set(key, makeNamedZone(key.trim()));
  }
  return formats.get(key);
}

function makeNamedZone(name: string): TimeZone | undefined {
  if (/^(?:utc|gmt|z|etc\/utc)$/i.test(name)) return UTC;
  // Some put a path of their own before the name; it has two parts or three.
  const parts = name.split('/');
  const tails = parts.length > 2 ? [3, 2].map((n) => parts.slice(-n).join('/')) : [];
  for (const candidate of [WINDOWS_ZONES.get(name), name, ...tails]) {
    const offsetAt = candidate === undefined ? undefined : intlOffset(candidate);
    if (offsetAt !== undefined) return { toInstant: (local) => resolve(local, offsetAt) };
  }
  return undefined;
}

/** How far the zone's clock is ahead of UTC at an instant, in milliseconds. */
function intlOffset(name: string): ((instant: number) => number) | undefined {
  // Offsets and other forms that the platform takes for zones are no names.
  if (!/^[A-Za-z_]+(?:\/[A-Za-z0-9_+-]+)*$/.test(name)) return undefined;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    // A name that the platform does not know: that is the answer.
    return undefined;
  }
  // Asking the platform takes tens of microseconds; zones change their clocks on quarters of an hour.
  const known = new Map<number, number>();
  return (instant) => {
    const quarter = Math.floor(instant / QUARTER);
    const found = known.get(quarter);
    if (found !== undefined) return found;
    const part = new Map(format.formatToParts(instant).map(({ type, value }) => [type, value]));
    const field = (type: Intl.DateTimeFormatPartTypes): number => Number(part.get(type));
    const local = Date.UTC(
      field('year'),
      field('month') - 1,
      field('day'),
      field('hour'),
      field('minute'),
      field('second'),
    );
    const offset = local - Math.floor(instant / 1000) * 1000;
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(quarter, offset);
    return offset;
  };
}

/**
 * The instant of a wall clock: of a time that comes twice the first, and for one that is left out as if
 * the clock had not been put forward yet (RFC 5545, 3.3.5).
 */
function resolve(local: number, offsetAt: (instant: number) => number): number {
  const before = offsetAt(local - DAY);
  const after = offsetAt(local + DAY);
  if (before === after) return local - before;
  const found = [before, after]
    .map((offset) => ({ at: local - offset, offset }))
    .filter(({ at, offset }) => offsetAt(at) === offset)
    .map(({ at }) => at);
  return found.length > 0 ? Math.min(...found) : local - before;
}

/** A zone as the file defines it. Its rules may only be yearly: others are no zone's, and without end. */
function definedZone(component: Component): TimeZone {
  const parts = component.children.filter(({ name }) => name === 'STANDARD' || name === 'DAYLIGHT');
  if (parts.length === 0) throw new Error('has no STANDARD and no DAYLIGHT');
  if (parts.length > MAX_OBSERVANCES) throw new Error('has too many parts');
  const text: string[] = ['BEGIN:VTIMEZONE', 'TZID:zone'];
  for (const part of parts) {
    text.push(`BEGIN:${part.name}`);
    const start = lineOf(part, 'DTSTART');
    if (start === undefined) throw new Error('has a part without DTSTART');
    readDateTime(readProperty(start));
    for (const name of ['TZOFFSETFROM', 'TZOFFSETTO']) {
      const value = lineOf(part, name)?.text.split(':').at(-1)?.trim() ?? '';
      if (!/^[+-](?:0\d|1\d|2[0-3])[0-5]\d(?:[0-5]\d)?$/.test(value)) {
        throw new Error(`has a ${name} that is not an offset`);
      }
      text.push(`${name}:${value}`);
    }
    text.push(start.text);
    for (const rule of linesOf(part, 'RRULE')) {
      if (readRecurrenceRule(rule).freq !== 'YEARLY')
        throw new Error('has a rule that is not yearly');
      text.push(rule.text);
    }
    for (const dates of linesOf(part, 'RDATE').slice(0, MAX_OBSERVANCES)) {
      const property = readProperty(dates);
      for (const value of property.values) readDateTime(property, value);
      text.push(dates.text);
    }
    text.push(`END:${part.name}`);
  }
  text.push('END:VTIMEZONE');
  const zone = new ICAL.Timezone(ICAL.Component.fromString(text.join('\r\n')));
  const offsetAt = (local: number): number => {
    const date = new Date(local);
    const fields = {
      year: date.getUTCFullYear(),
      month: date.getUTCMonth() + 1,
      day: date.getUTCDate(),
      hour: date.getUTCHours(),
      minute: date.getUTCMinutes(),
      second: date.getUTCSeconds(),
    };
    return zone.utcOffset(ICAL.Time.fromData(fields, zone)) * 1000;
  };
  return {
    toInstant(local) {
      // The library changes to the new offset with the first hour that is ambiguous, or left out; both
      // are counted by the old one (as in `resolve`), so it is asked about as much earlier.
      const change = Math.abs(offsetAt(local - DAY) - offsetAt(local + DAY));
      return local - offsetAt(local - change);
    },
  };
}

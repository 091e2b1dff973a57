// Time zones: from local time to an instant. A TZID is looked up in the zone data of Node first, because
// the VTIMEZONEs of calendars are often outdated; the VTIMEZONE serves names that Node does not know.
import ICAL from 'ical.js';
import { propertyError, lineOf, linesOf, type Component, type ContentLine } from './components.ts';
import { readProperty, readDateTime, type DateTimeValue } from './property-values.ts';
import { readRecurrenceRule } from './recurrence-rule.ts';
import { EntryError } from '../entry-problem.ts';
import { zoneOffset } from '../zone-offset.ts';
import { WINDOWS_ZONES } from './windows-zones.ts';

/** Converts local times of a zone, given as if they were UTC. */
export type TimeZone = { readonly toInstant: (local: number) => number };

export type TimeZones = {
  /** @throws EntryError for an unknown time zone */
  readonly toInstant: (when: DateTimeValue, line: ContentLine) => number;
};

const DAY = 24 * 60 * 60 * 1000;
const QUARTER = 15 * 60 * 1000;
const MAX_CACHED = 20_000;
const MAX_OBSERVANCES = 500;

const UTC: TimeZone = { toInstant: (local) => local };

/** @param timezones the VTIMEZONEs of the calendar, by TZID */
export function createTimeZones(
  timezones: ReadonlyMap<string, Component>,
  floating: TimeZone,
): TimeZones {
  const known = new Map<string, TimeZone | EntryError>();
  return {
    toInstant(when, line) {
      if (when.form === 'utc') return when.local;
      if (when.tzid === undefined) return floating.toInstant(when.local);
      const zone = known.get(when.tzid) ?? findTimeZone(when.tzid, timezones);
      known.set(when.tzid, zone);
      if (zone instanceof EntryError) throw propertyError(line, zone.message);
      return zone.toInstant(when.local);
    },
  };
}

function findTimeZone(
  tzid: string,
  timezones: ReadonlyMap<string, Component>,
): TimeZone | EntryError {
  const named = namedTimeZone(tzid);
  if (named !== undefined) return named;
  const component = timezones.get(tzid);
  const shown = tzid.slice(0, 64);
  if (component === undefined) {
    return new EntryError('unknown_zone', `is in the unknown time zone "${shown}"`);
  }
  try {
    return createDefinedZone(component);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return new EntryError('invalid_zone', `is in the zone "${shown}", which ${message}`);
  }
}

const namedZones = new Map<string, TimeZone | undefined>();

/** A zone of Node's data by its IANA name, also with a vendor's prefix, or by its Windows name. */
export function namedTimeZone(name: string): TimeZone | undefined {
  const key = name.slice(0, 128);
  if (!namedZones.has(key)) {
    if (namedZones.size > 2_000) namedZones.clear();
    namedZones.set(key, createNamedZone(key.trim()));
  }
  return namedZones.get(key);
}

function createNamedZone(name: string): TimeZone | undefined {
  if (/^(?:utc|gmt|z|etc\/utc)$/i.test(name)) return UTC;
  // Some programs put a path before the name, which has two or three parts.
  const parts = name.split('/');
  const tails = parts.length > 2 ? [3, 2].map((n) => parts.slice(-n).join('/')) : [];
  for (const candidate of [WINDOWS_ZONES.get(name), name, ...tails]) {
    const offsetAt = candidate === undefined ? undefined : intlOffset(candidate);
    if (offsetAt !== undefined) return { toInstant: (local) => resolveLocal(local, offsetAt) };
  }
  return undefined;
}

/** The zone's offset from UTC at an instant, in milliseconds. */
function intlOffset(name: string): ((instant: number) => number) | undefined {
  // Node also accepts offsets as time zones; they are no TZIDs.
  if (!/^[A-Za-z_]+(?:\/[A-Za-z0-9_+-]+)*$/.test(name)) return undefined;
  let offsetAt: (instant: number) => number;
  try {
    offsetAt = zoneOffset(name);
  } catch {
    // Node does not know the name.
    return undefined;
  }
  // A format call takes tens of microseconds; offsets change on quarters of an hour only.
  const cache = new Map<number, number>();
  return (instant) => {
    const quarter = Math.floor(instant / QUARTER);
    const found = cache.get(quarter);
    if (found !== undefined) return found;
    const offset = offsetAt(instant);
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(quarter, offset);
    return offset;
  };
}

/** The first instant of an ambiguous time; a skipped time has the offset before the change (RFC 5545, 3.3.5). */
function resolveLocal(local: number, offsetAt: (instant: number) => number): number {
  const before = offsetAt(local - DAY);
  const after = offsetAt(local + DAY);
  if (before === after) return local - before;
  const found = [before, after]
    .map((offset) => ({ at: local - offset, offset }))
    .filter(({ at, offset }) => offsetAt(at) === offset)
    .map(({ at }) => at);
  return found.length > 0 ? Math.min(...found) : local - before;
}

/** The zone of a VTIMEZONE. Only yearly rules are accepted, so that reading it is bounded. */
function createDefinedZone(component: Component): TimeZone {
  const parts = component.children.filter(({ name }) => name === 'STANDARD' || name === 'DAYLIGHT');
  if (parts.length === 0) throw new Error('has no STANDARD and no DAYLIGHT');
  if (parts.length > MAX_OBSERVANCES) throw new Error('has too many observances');
  const text: string[] = ['BEGIN:VTIMEZONE', 'TZID:zone'];
  for (const part of parts) {
    text.push(`BEGIN:${part.name}`);
    const start = lineOf(part, 'DTSTART');
    if (start === undefined) throw new Error('has an observance without DTSTART');
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
      // ical.js changes to the new offset with the first ambiguous or skipped time. `resolveLocal` uses the
      // old offset for both, so the offset is read at an earlier time.
      const change = Math.abs(offsetAt(local - DAY) - offsetAt(local + DAY));
      return local - offsetAt(local - change);
    },
  };
}

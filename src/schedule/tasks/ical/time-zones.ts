// Finds the time zone of a property by its TZID. A place is looked up in the zone data of Node, because the
// VTIMEZONEs of calendars are often outdated. The VTIMEZONE serves all other names, also abbreviations.
import { propertyError, type Component } from './components.ts';
import type { ContentLine } from './content-lines.ts';
import { createDefinedZone } from './defined-zone.ts';
import { EntryError } from '../entry-problem.ts';
import { namedTimeZone, namesPlace } from './named-zone.ts';
import { unescapeText, type DateTimeValue } from './property-values.ts';
import { UTC, type TimeZone } from './time-zone.ts';
import type { Work } from './work.ts';

export type TimeZones = {
  /** The zone of a date or time. @throws EntryError for an unknown time zone */
  readonly zoneOf: (when: DateTimeValue, line: ContentLine) => TimeZone;
};

/** @param timezones the VTIMEZONEs of the calendar, by the key of their TZID */
export function createTimeZones(
  timezones: ReadonlyMap<string, Component>,
  floating: TimeZone,
  newWork: () => Work,
): TimeZones {
  const known = new Map<string, TimeZone | EntryError>();
  return {
    zoneOf(when, line) {
      if (when.form === 'utc') return UTC;
      if (when.tzid === undefined) return floating;
      const zone = known.get(when.tzid) ?? findTimeZone(when.tzid, timezones, newWork);
      known.set(when.tzid, zone);
      if (zone instanceof EntryError) throw propertyError(line, zone.message);
      return zone;
    },
  };
}

/** How a TZID is compared: the property has escapes, and programs differ in quotes, spaces and case. */
export function zoneKey(tzid: string): string {
  return unescapeText(tzid).replace(/^"|"$/g, '').replace(/\s+/g, ' ').trim().toLowerCase();
}

function findTimeZone(
  tzid: string,
  timezones: ReadonlyMap<string, Component>,
  newWork: () => Work,
): TimeZone | EntryError {
  const component = timezones.get(zoneKey(tzid));
  const name = unescapeText(tzid);
  if (component === undefined || namesPlace(name)) {
    const named = namedTimeZone(name);
    if (named !== undefined) return named;
  }
  const shown = tzid.slice(0, 64);
  if (component === undefined) {
    return new EntryError('unknown_zone', `is in the unknown time zone "${shown}"`);
  }
  try {
    return createDefinedZone(component, newWork);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return new EntryError('invalid_zone', `is in the zone "${shown}", which ${message}`);
  }
}

// The times of an entry: its first occurrence, its length, its alarms, and the dates it lists.
import { DAY_MS } from './calendar-days.ts';
import { lineOf, linesOf, propertyError, type Component } from './components.ts';
import type { ContentLine } from './content-lines.ts';
import {
  readDateTime,
  readDuration,
  readProperty,
  usualLength,
  type DateTimeValue,
  type Duration,
} from './property-values.ts';
import type { TimeZone } from './time-zone.ts';
import type { TimeZones } from './time-zones.ts';

/** A date or time in its zone. */
export type Moment = DateTimeValue & { readonly zone: TimeZone; readonly line: ContentLine };

/** An RDATE; of type PERIOD it has a length of its own. */
export type ListedDate = { readonly start: Moment; readonly length?: Duration | undefined };

/** When a task becomes urgent: at an instant, or at an offset from its start or end. */
export type Alarm =
  | { readonly kind: 'instant'; readonly at: number }
  | { readonly kind: 'offset'; readonly base: 'start' | 'end'; readonly offset: Duration };

/** The most dates that an entry may list. */
const MAX_DATES = 20_000;
const MAX_ALARMS = 100;
const NO_TIME: Duration = { days: 0, ms: 0 };

export function momentOf(component: Component, name: string, zones: TimeZones): Moment | undefined {
  const line = lineOf(component, name);
  if (line === undefined) return undefined;
  return momentAt(readDateTime(readProperty(line)), line, zones);
}

function momentAt(when: DateTimeValue, line: ContentLine, zones: TimeZones): Moment {
  return { ...when, line, zone: zones.zoneOf(when, line) };
}

export function instantOf({ zone, local }: Moment): number {
  return zone.toInstant(local);
}

/**
 * From the start to the end. Of dates it is nominal: whole days. Between times it is exact (RFC 5545, 3.8.5.3). A DUE
 * of type DATE means the end of that day.
 */
export function lengthOf(
  component: Component,
  start: Moment | undefined,
  end: Moment | undefined,
): Duration | undefined {
  const isTask = component.name === 'VTODO';
  if (end !== undefined) {
    const wholeDay = isTask && end.form === 'date' ? 1 : 0;
    if (start === undefined) return { days: wholeDay, ms: 0 };
    const length = lengthBetween(start, end, wholeDay);
    if (usualLength(length) < 0) throw propertyError(end.line, 'comes before the start');
    return length;
  }
  const line = lineOf(component, 'DURATION');
  if (line !== undefined && start !== undefined) {
    const duration = readDuration(readProperty(line));
    if (usualLength(duration) < 0) throw propertyError(line, 'is negative');
    return duration;
  }
  return isTask ? undefined : NO_TIME;
}

function lengthBetween(start: Moment, end: Moment, wholeDay: number): Duration {
  if (start.form !== 'date' && end.form !== 'date') {
    return { days: 0, ms: instantOf(end) - instantOf(start) };
  }
  const local = end.local - start.local;
  const days = Math.floor(local / DAY_MS);
  return { days: days + wholeDay, ms: local - days * DAY_MS };
}

/** `X-TOCSIN-URGENT-AT`, else all VALARMs, else `leadMs` before DUE. The earliest counts. */
export function alarmsOf(
  component: Component,
  zones: TimeZones,
  anchor: Moment | undefined,
  length: Duration | undefined,
  leadMs: number,
): readonly Alarm[] {
  const explicit = momentOf(component, 'X-TOCSIN-URGENT-AT', zones);
  if (explicit !== undefined) return [alarmAt(explicit, anchor)];
  const alarms = component.children
    .filter(({ name }) => name === 'VALARM')
    .slice(0, MAX_ALARMS)
    .map((alarm) => readAlarm(alarm, zones, anchor, length))
    .filter((alarm) => alarm !== undefined);
  if (alarms.length > 0 || length === undefined) return alarms;
  return [{ kind: 'offset', base: 'end', offset: { days: 0, ms: -leadMs } }];
}

function readAlarm(
  alarm: Component,
  zones: TimeZones,
  anchor: Moment | undefined,
  length: Duration | undefined,
): Alarm | undefined {
  const line = lineOf(alarm, 'TRIGGER');
  if (line === undefined) return undefined;
  const property = readProperty(line);
  if (!/^[+-]?P/i.test(property.value)) {
    return alarmAt(momentAt(readDateTime(property), line, zones), anchor);
  }
  // A trigger relative to a time that the task does not have is ignored.
  const base = property.params.get('related')?.toUpperCase() === 'END' ? 'end' : 'start';
  if (base === 'end' ? length === undefined : anchor === undefined) return undefined;
  return { kind: 'offset', base, offset: readDuration(property) };
}

/** Each occurrence has the alarm at the same distance. */
function alarmAt(moment: Moment, anchor: Moment | undefined): Alarm {
  const at = instantOf(moment);
  if (anchor === undefined) return { kind: 'instant', at };
  return { kind: 'offset', base: 'start', offset: { days: 0, ms: at - instantOf(anchor) } };
}

/** The dates of all properties of a name. Yields between them. */
export function* listedDates(
  component: Component,
  name: 'RDATE' | 'EXDATE',
  zones: TimeZones,
): Generator<undefined, readonly ListedDate[], undefined> {
  const found: ListedDate[] = [];
  for (const line of linesOf(component, name)) {
    yield;
    const property = readProperty(line);
    for (const value of property.value.split(',')) {
      if (value.trim() === '') continue;
      if (found.length >= MAX_DATES)
        throw propertyError(line, `lists more than ${MAX_DATES} dates`);
      const [begin = '', end] = value.split('/');
      const start = momentAt(readDateTime(property, begin), line, zones);
      if (end === undefined) found.push({ start });
      else if (/^\s*[+-]?P/i.test(end)) found.push({ start, length: readDuration(property, end) });
      else {
        const until = momentAt(readDateTime(property, end), line, zones);
        found.push({ start, length: lengthBetween(start, until, 0) });
      }
      if (usualLength(found.at(-1)?.length ?? NO_TIME) < 0) {
        throw propertyError(line, 'has a period that ends before its start');
      }
    }
  }
  return found;
}

// Reads one VTODO or VEVENT. docs/tasks.md describes which properties count.
import { uuidOf } from '../../../domain/core/ids.ts';
import { IdSchema } from '../../../domain/core/identity.ts';
import { EntryError } from '../entry-problem.ts';
import { propertyError, lineOf, linesOf, type Component, type ContentLine } from './components.ts';
import { readRecurrenceRule, type RecurrenceRule } from './recurrence-rule.ts';
import { readDuration, readProperty, readDateTime, type DateTimeValue } from './property-values.ts';
import { oneLine } from '../../../domain/core/text.ts';
import type { TimeZones } from './time-zones.ts';

/** An entry before its recurrence set is expanded. Offsets count from the anchor. */
export type Entry = {
  readonly kind: 'task' | 'block';
  readonly component: Component;
  readonly uid: string;
  readonly title: string;
  readonly user: string | undefined;
  readonly organizer: string | undefined;
  readonly priority: 1 | 2 | 3 | 4;
  readonly completed: boolean;
  readonly sections: number;
  readonly taskId: string | undefined;
  /** The first instance: DTSTART, or DUE of a task without DTSTART. */
  readonly anchor: Anchor | undefined;
  /** From the anchor to DTEND or DUE. */
  readonly durationMs: number | undefined;
  /** From the anchor to the urgency threshold. */
  readonly urgencyOffsetMs: number | undefined;
  readonly rules: readonly { readonly rule: RecurrenceRule; readonly line: ContentLine }[];
  /** RDATE. */
  readonly recurrenceDates: readonly number[];
  /** EXDATE. */
  readonly exceptionDates: ReadonlySet<number>;
  /** RECURRENCE-ID: the instance that this entry overrides. */
  readonly recurrenceId: number | undefined;
};

export type Anchor = {
  readonly when: DateTimeValue;
  readonly line: ContentLine;
  readonly at: number;
};

/** The most dates of one RDATE or EXDATE. */
const MAX_DATES = 5_000;
/** Length of a section of the timetable. */
const SECTION_MS = 45 * 60_000;
const DAY = 24 * 60 * 60_000;

/** True for a VEVENT that blocks time: not for all-day, cancelled and transparent events. */
export function isBlock(component: Component): boolean {
  const value = (name: string): string => rawValue(component, name).toUpperCase();
  const start = lineOf(component, 'DTSTART');
  const wholeDay = start !== undefined && /^[^:]*:\s*\d{8}\s*$/.test(start.text);
  return !wholeDay && value('STATUS') !== 'CANCELLED' && value('TRANSP') !== 'TRANSPARENT';
}

/** Reads a VTODO or VEVENT. `leadMs`: how long before DUE a task without VALARM becomes urgent. */
export function readEntry(component: Component, zones: TimeZones, leadMs: number): Entry {
  const kind = component.name === 'VTODO' ? 'task' : 'block';
  const uid = rawValue(component, 'UID');
  if (uid === '') throw new EntryError('no_uid', 'has no UID');
  const start = anchorOf(component, 'DTSTART', zones);
  const end = anchorOf(component, kind === 'task' ? 'DUE' : 'DTEND', zones);
  const anchor = start ?? end;
  if (kind === 'block' && start === undefined) throw new EntryError('no_start', 'has no DTSTART');
  const durationMs = durationOf(component, start, end, kind);
  const organizer = /mailto:([^\s;,"<>]+)/i.exec(lineOf(component, 'ORGANIZER')?.text ?? '')?.[1];
  const rules = anchor === undefined ? [] : linesOf(component, 'RRULE');
  return {
    kind,
    component,
    uid,
    title: oneLine(titleOf(component)),
    user: userOf(component),
    organizer: organizer?.toLowerCase(),
    priority: priorityOf(component),
    completed: isCompleted(component),
    sections: sectionsOf(component, kind, start, end),
    taskId: taskIdOf(component),
    anchor,
    durationMs,
    urgencyOffsetMs:
      kind === 'task' ? urgencyOf(component, zones, anchor, durationMs, leadMs) : undefined,
    rules: rules.map((line) => ({ rule: readRecurrenceRule(line), line })),
    recurrenceDates: datesOf(component, 'RDATE', zones),
    exceptionDates: new Set(datesOf(component, 'EXDATE', zones)),
    recurrenceId: anchorOf(component, 'RECURRENCE-ID', zones)?.at,
  };
}

function anchorOf(component: Component, name: string, zones: TimeZones): Anchor | undefined {
  const line = lineOf(component, name);
  if (line === undefined) return undefined;
  const when = readDateTime(readProperty(line));
  return { when, line, at: zones.toInstant(when, line) };
}

/** A DUE of type DATE means the end of that day. */
function durationOf(
  component: Component,
  start: Anchor | undefined,
  end: Anchor | undefined,
  kind: Entry['kind'],
): number | undefined {
  if (end !== undefined) {
    const wholeDay = kind === 'task' && end.when.form === 'date' ? DAY : 0;
    const duration = end.at + wholeDay - (start ?? end).at;
    if (duration < 0) throw propertyError(end.line, 'comes before the start');
    return duration;
  }
  const line = lineOf(component, 'DURATION');
  if (line !== undefined && start !== undefined) {
    const duration = readDuration(readProperty(line));
    if (duration < 0) throw propertyError(line, 'is negative');
    return duration;
  }
  return kind === 'block' ? 0 : undefined;
}

/** `X-TOCSIN-URGENT-AT`, else the first VALARM, else `leadMs` before DUE. */
function urgencyOf(
  component: Component,
  zones: TimeZones,
  anchor: Anchor | undefined,
  durationMs: number | undefined,
  leadMs: number,
): number | undefined {
  const explicit = anchorOf(component, 'X-TOCSIN-URGENT-AT', zones);
  if (explicit !== undefined) return explicit.at - (anchor?.at ?? 0);
  const alarms = component.children
    .filter(({ name }) => name === 'VALARM')
    .map((alarm) => alarmOf(alarm, zones, anchor, durationMs))
    .filter((at) => at !== undefined);
  if (alarms.length > 0) return Math.min(...alarms);
  return durationMs === undefined ? undefined : durationMs - leadMs;
}

function alarmOf(
  alarm: Component,
  zones: TimeZones,
  anchor: Anchor | undefined,
  durationMs: number | undefined,
): number | undefined {
  const line = lineOf(alarm, 'TRIGGER');
  if (line === undefined) return undefined;
  const property = readProperty(line);
  if (/^[+-]?P/.test(property.values[0] ?? '')) {
    // A trigger relative to a time that the task does not have is ignored.
    const toEnd = property.params.get('related')?.toUpperCase() === 'END';
    const base = toEnd ? durationMs : anchor && 0;
    return base === undefined ? undefined : base + readDuration(property);
  }
  return zones.toInstant(readDateTime(property), line) - (anchor?.at ?? 0);
}

function priorityOf(component: Component): Entry['priority'] {
  const own = numberOf(component, 'X-TOCSIN-PRIORITY', 1, 4);
  if (own === 1 || own === 2 || own === 3 || own === 4) return own;
  const value = numberOf(component, 'PRIORITY', 0, 9) ?? 0;
  if (value === 0) return 3;
  if (value <= 2) return 1;
  if (value <= 4) return 2;
  return value <= 6 ? 3 : 4;
}

function isCompleted(component: Component): boolean {
  const status = rawValue(component, 'STATUS').toUpperCase();
  if (status === 'COMPLETED' || status === 'CANCELLED') return true;
  if (rawValue(component, 'X-TOCSIN-COMPLETED').toUpperCase() === 'TRUE') return true;
  if (numberOf(component, 'PERCENT-COMPLETE', 0, 100) === 100) return true;
  return status === '' && lineOf(component, 'COMPLETED') !== undefined;
}

function sectionsOf(
  component: Component,
  kind: Entry['kind'],
  start: Anchor | undefined,
  end: Anchor | undefined,
): number {
  const own = numberOf(component, 'X-TOCSIN-SECTIONS', -1_000_000, 1_000_000);
  if (own !== undefined) return clamp(own);
  const estimate = lineOf(component, 'ESTIMATED-DURATION') ?? lineOf(component, 'DURATION');
  if (kind !== 'task' || estimate === undefined) return 1;
  // A task with DTSTART or DUE uses DURATION for its end; another task may use it as its estimate.
  if (estimate.name === 'DURATION' && (start !== undefined || end !== undefined)) return 1;
  return clamp(Math.ceil(readDuration(readProperty(estimate)) / SECTION_MS));
}

function clamp(sections: number): number {
  return sections <= 0 ? 1 : Math.min(4, Math.trunc(sections));
}

/** `X-TOCSIN-TASK`, else the parent of RELATED-TO. */
function taskIdOf(component: Component): string | undefined {
  const own = rawValue(component, 'X-TOCSIN-TASK');
  if (own !== '') return idOf(own);
  for (const line of linesOf(component, 'RELATED-TO')) {
    const property = readProperty(line);
    const type = property.params.get('reltype')?.toUpperCase() ?? 'PARENT';
    const uid = property.values[0]?.trim() ?? '';
    if (type === 'PARENT' && uid !== '') return idOf(uid);
  }
  return undefined;
}

function datesOf(component: Component, name: string, zones: TimeZones): readonly number[] {
  return linesOf(component, name).flatMap((line) => {
    const property = readProperty(line);
    if (property.values.length > MAX_DATES)
      throw propertyError(line, `lists more than ${MAX_DATES}`);
    // An RDATE of type PERIOD counts by its start.
    const start = (value: string): string => value.replace(/\/.*/s, '');
    return property.values
      .filter((value) => value !== '')
      .map((value) => zones.toInstant(readDateTime(property, start(value)), line));
  });
}

function numberOf(
  component: Component,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const text = rawValue(component, name);
  const value = Number(text);
  const isValid = text !== '' && Number.isInteger(value) && value >= min && value <= max;
  return isValid ? value : undefined;
}

/** The unparsed value of a property, or the empty text. */
function rawValue(component: Component, name: string): string {
  const line = lineOf(component, name);
  return line === undefined ? '' : line.text.slice(line.text.indexOf(':') + 1).trim();
}

function titleOf(component: Component): string {
  const line = lineOf(component, 'SUMMARY');
  if (line === undefined) return '';
  try {
    return readProperty(line).values.join(',');
  } catch (error) {
    // A broken title does not make the entry invalid.
    if (error instanceof EntryError) return rawValue(component, 'SUMMARY');
    throw error;
  }
}

function userOf(component: Component): string | undefined {
  const line = lineOf(component, 'X-TOCSIN-USER');
  if (line === undefined) return undefined;
  const parsed = IdSchema.safeParse(rawValue(component, 'X-TOCSIN-USER'));
  if (!parsed.success) throw propertyError(line, 'is not a user’s id');
  return parsed.data;
}

/** The id for a UID: the UID where it is a valid id, else a UUIDv5 of it. */
export function idOf(uid: string): string {
  const parsed = IdSchema.safeParse(uid);
  return parsed.success ? parsed.data : `uid-${uuidOf('ical', uid)}`;
}

/** The id of a recurrence instance. */
export function instanceIdOf(uid: string, at: number): string {
  const time = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const readable = `${idOf(uid)}_${time}`;
  return readable.length <= 64 ? readable : `uid-${uuidOf('ical', uid)}_${time}`;
}

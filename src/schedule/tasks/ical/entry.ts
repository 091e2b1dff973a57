// One VTODO or VEVENT as Tocsin understands it; docs/tasks.md says the same in words.
import { uuidOf } from '../../../domain/core/ids.ts';
import { IdSchema } from '../../../domain/core/identity.ts';
import { EntryError } from '../entry-problem.ts';
import { badLine, lineOf, linesOf, type Component, type ContentLine } from './components.ts';
import { readRecurrenceRule, type RecurrenceRule } from './recurrence-rule.ts';
import {
  isInstant,
  readDuration,
  readInteger,
  readProperty,
  readDateTime,
  type Property,
  type DateTimeValue,
} from './property-values.ts';
import { oneLine } from '../../../domain/core/text.ts';
import type { TimeZones } from './time-zones.ts';

/** One entry, before its recurrences are looked at. Offsets are from the entry's own beginning. */
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
  /** What recurrences are counted from: the start, of a task without one its due time. */
  readonly anchor: Anchor | undefined;
  /** From the anchor to the end of a block, or to a task's due time. */
  readonly lengthMs: number | undefined;
  /** From the anchor to the urgency threshold. */
  readonly urgentMs: number | undefined;
  readonly rules: readonly { readonly rule: RecurrenceRule; readonly line: ContentLine }[];
  readonly added: readonly number[];
  readonly except: ReadonlySet<number>;
  /** Of which occurrence this is the exception. */
  readonly recurrenceId: number | undefined;
};

export type Anchor = {
  readonly when: DateTimeValue;
  readonly line: ContentLine;
  readonly at: number;
};

/** Dates that one property list may name. */
const MAX_DATES = 5_000;
/** Length of a section of the timetable, by which durations are counted. */
const SECTION_MS = 45 * 60_000;
const DAY = 24 * 60 * 60_000;

/** What is no block: whole days, cancelled and transparent events. */
export function isBlock(component: Component): boolean {
  const value = (name: string): string => plain(component, name).toUpperCase();
  const start = lineOf(component, 'DTSTART');
  const wholeDay = start !== undefined && /^[^:]*:\s*\d{8}\s*$/.test(start.text);
  return !wholeDay && value('STATUS') !== 'CANCELLED' && value('TRANSP') !== 'TRANSPARENT';
}

/**
 * Reads a VTODO or VEVENT.
 *
 * @param leadMs how long before its due time a task without alarm becomes urgent
 * @throws EntryError for what cannot be understood
 */
export function readEntry(component: Component, zones: TimeZones, leadMs: number): Entry {
  const kind = component.name === 'VTODO' ? 'task' : 'block';
  const uid = plain(component, 'UID').trim();
  if (uid === '') throw new EntryError('no_uid', 'has no UID');
  const start = anchorOf(component, 'DTSTART', zones);
  const end = anchorOf(component, kind === 'task' ? 'DUE' : 'DTEND', zones);
  const anchor = start ?? end;
  if (kind === 'block' && start === undefined) throw new EntryError('no_start', 'has no DTSTART');
  const lengthMs = lengthOf(component, start, end, kind);
  const organizer = /mailto:([^\s;,"<>]+)/i.exec(lineOf(component, 'ORGANIZER')?.text ?? '')?.[1];
  const dates = anchor === undefined ? [] : linesOf(component, 'RRULE');
  return {
    kind,
    component,
    uid,
    title: oneLine(text(component, 'SUMMARY')),
    user: userOf(component, 'X-TOCSIN-USER'),
    organizer: organizer?.toLowerCase(),
    priority: priorityOf(component),
    completed: isCompleted(component),
    sections: sectionsOf(component, kind, start, end),
    taskId: taskIdOf(component),
    anchor,
    lengthMs,
    urgentMs: kind === 'task' ? urgencyOf(component, zones, anchor, lengthMs, leadMs) : undefined,
    rules: dates.map((line) => ({ rule: readRecurrenceRule(line), line })),
    added: datesOf(component, 'RDATE', zones),
    except: new Set(datesOf(component, 'EXDATE', zones)),
    recurrenceId: anchorOf(component, 'RECURRENCE-ID', zones)?.at,
  };
}

function anchorOf(component: Component, name: string, zones: TimeZones): Anchor | undefined {
  const line = lineOf(component, name);
  if (line === undefined) return undefined;
  const when = readDateTime(readProperty(line));
  return { when, line, at: zones.toInstant(when, line) };
}

/** A due date without a time means the end of that day. */
function lengthOf(
  component: Component,
  start: Anchor | undefined,
  end: Anchor | undefined,
  kind: Entry['kind'],
): number | undefined {
  if (end !== undefined) {
    const wholeDay = kind === 'task' && end.when.form === 'date' ? DAY : 0;
    const length = end.at + wholeDay - (start ?? end).at;
    if (length < 0) throw badLine(end.line, 'comes before the start');
    return length;
  }
  const duration = lineOf(component, 'DURATION');
  if (duration !== undefined && start !== undefined) {
    const length = readDuration(readProperty(duration));
    if (length < 0) throw badLine(duration, 'is negative');
    return length;
  }
  return kind === 'block' ? 0 : undefined;
}

/** `X-TOCSIN-URGENT-AT`, else the first alarm, else so long before it is due. */
function urgencyOf(
  component: Component,
  zones: TimeZones,
  anchor: Anchor | undefined,
  lengthMs: number | undefined,
  leadMs: number,
): number | undefined {
  const said = anchorOf(component, 'X-TOCSIN-URGENT-AT', zones);
  if (said !== undefined) return said.at - (anchor?.at ?? 0);
  const alarms = component.children
    .filter(({ name }) => name === 'VALARM')
    .map((alarm) => alarmOf(alarm, zones, anchor, lengthMs))
    .filter((at) => at !== undefined);
  if (alarms.length > 0) return Math.min(...alarms);
  return lengthMs === undefined ? undefined : lengthMs - leadMs;
}

function alarmOf(
  alarm: Component,
  zones: TimeZones,
  anchor: Anchor | undefined,
  lengthMs: number | undefined,
): number | undefined {
  const line = lineOf(alarm, 'TRIGGER');
  if (line === undefined) return undefined;
  const property = readProperty(line);
  if (/^[+-]?P/.test(property.values[0] ?? '')) {
    // Relative to a time that the task does not have, it says nothing.
    const toEnd = property.params.get('related')?.toUpperCase() === 'END';
    const base = toEnd ? lengthMs : anchor && 0;
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
  const status = plain(component, 'STATUS').trim().toUpperCase();
  if (status === 'COMPLETED' || status === 'CANCELLED') return true;
  if (plain(component, 'X-TOCSIN-COMPLETED').trim().toUpperCase() === 'TRUE') return true;
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
  // Of a task with start and due time a DURATION is not allowed; of others it may be the estimate.
  if (estimate.name === 'DURATION' && (start !== undefined || end !== undefined)) return 1;
  return clamp(Math.ceil(readDuration(readProperty(estimate)) / SECTION_MS));
}

function clamp(sections: number): number {
  return sections <= 0 ? 1 : Math.min(4, Math.trunc(sections));
}

/** `X-TOCSIN-TASK`, else the parent that RELATED-TO names. */
function taskIdOf(component: Component): string | undefined {
  const own = plain(component, 'X-TOCSIN-TASK').trim();
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
    if (property.values.length > MAX_DATES) throw badLine(line, `lists more than ${MAX_DATES}`);
    return property.values
      .filter((value) => value !== '')
      .map((value) => zones.toInstant(readDateTime(property, periodStart(value)), line));
  });
}

/** An RDATE may be a period; what counts is when it begins. */
function periodStart(value: string): string {
  return value.split('/', 1)[0] ?? value;
}

function numberOf(
  component: Component,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const line = lineOf(component, name);
  if (line === undefined) return undefined;
  const value = line.text.slice(line.text.indexOf(':') + 1).trim();
  const property: Property = { line, params: new Map(), values: [value] };
  return value === '' ? undefined : readInteger(property, min, max);
}

/** The value as it stands in the line. */
function plain(component: Component, name: string): string {
  const line = lineOf(component, name);
  return line === undefined ? '' : line.text.slice(line.text.indexOf(':') + 1);
}

function text(component: Component, name: string): string {
  const line = lineOf(component, name);
  if (line === undefined) return '';
  try {
    return readProperty(line).values.join(',');
  } catch (error) {
    // A title that cannot be read is no reason to lose the task.
    if (error instanceof EntryError) return plain(component, name);
    throw error;
  }
}

function userOf(component: Component, name: string): string | undefined {
  const line = lineOf(component, name);
  if (line === undefined) return undefined;
  const parsed = IdSchema.safeParse(plain(component, name).trim());
  if (!parsed.success) throw badLine(line, 'is not a user’s id');
  return parsed.data;
}

/** The id of a UID: itself where it is one, else a name made of it. */
export function idOf(uid: string): string {
  const parsed = IdSchema.safeParse(uid);
  return parsed.success ? parsed.data : `uid-${uuidOf('ical', uid)}`;
}

/** The id of one occurrence of a series. */
export function instanceIdOf(uid: string, at: number): string {
  const stamp = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const readable = `${idOf(uid)}_${stamp}`;
  return readable.length <= 64 ? readable : `uid-${uuidOf('ical', uid)}_${stamp}`;
}

/** True for an occurrence that the log can hold. */
export function isStorable(at: number): boolean {
  return isInstant(at);
}

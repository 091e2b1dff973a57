// Reads one VTODO or VEVENT. docs/tasks.md describes which properties count.
import { EntryError } from '../entry-problem.ts';
import { oneLine } from '../../../domain/core/text.ts';
import { lineOf, linesOf, rawValue, valueOf, type Component } from './components.ts';
import type { ContentLine } from './content-lines.ts';
import {
  isCompleted,
  priorityOf,
  sectionsOf,
  taskIdOf,
  titleOf,
  userOf,
  type Priority,
} from './entry-properties.ts';
import {
  alarmsOf,
  lengthOf,
  listedDates,
  momentOf,
  type Alarm,
  type ListedDate,
  type Moment,
} from './entry-times.ts';
import { readProperty, type Duration } from './property-values.ts';
import { readRecurrenceRule, type RecurrenceRule } from './recurrence-rule.ts';
import { revisionOf, type Revision } from './revision.ts';
import type { TimeZones } from './time-zones.ts';

export type RuleLine = { readonly rule: RecurrenceRule; readonly line: ContentLine };

/** An entry before its recurrence set is expanded. It does not depend on the time at which it is read. */
export type Entry = {
  readonly kind: 'task' | 'block';
  /** Its component and first line, for reports. */
  readonly component: string;
  readonly line: number;
  readonly uid: string;
  readonly revision: Revision;
  /** True for an event that blocks no time: all-day, cancelled and transparent events. */
  readonly isHidden: boolean;
  readonly isCancelled: boolean;
  readonly title: string;
  readonly user: string | undefined;
  readonly organizer: string | undefined;
  readonly priority: Priority;
  readonly completed: boolean;
  readonly sections: number;
  readonly taskId: string | undefined;
  /** The first occurrence: DTSTART, or DUE of a task without DTSTART. */
  readonly anchor: Moment | undefined;
  /** From the start to DTEND or DUE. */
  readonly length: Duration | undefined;
  readonly alarms: readonly Alarm[];
  readonly rules: readonly RuleLine[];
  /** EXRULE, of RFC 2445. */
  readonly exceptionRules: readonly RuleLine[];
  /** RDATE. */
  readonly recurrenceDates: readonly ListedDate[];
  /** EXDATE. */
  readonly exceptionDates: readonly Moment[];
  /** RECURRENCE-ID: the occurrence that this entry overrides. */
  readonly recurrenceId: Moment | undefined;
  /** RANGE=THISANDFUTURE: the later occurrences are overridden, too. */
  readonly overridesLater: boolean;
};

/** An entry of a file, with the user that it belongs to. */
export type CalendarEntry = Entry & { readonly file: string; readonly userId: string };

/** What the calendar around an entry says about it. */
export type EntryContext = {
  readonly zones: TimeZones;
  /** True for METHOD:CANCEL (RFC 5546, 3.2.5): the calendar calls its entries off. */
  readonly isCancellation: boolean;
  /** How long before DUE a task without VALARM becomes urgent, in milliseconds. */
  readonly leadMs: number;
};

/** Reads a VTODO or VEVENT. Yields between parts of the work. @throws EntryError when it is invalid */
export function* readEntry(
  component: Component,
  { zones, isCancellation, leadMs }: EntryContext,
): Generator<undefined, Entry, undefined> {
  const kind = component.name === 'VTODO' ? 'task' : 'block';
  const isCancelled = isCancellation || isNamed(component, 'STATUS', 'CANCELLED');
  const isHidden = hidesOccurrence(component, isCancellation);
  const uid = rawValue(component, 'UID');
  if (uid === '') throw new EntryError('no_uid', 'has no UID');
  const common = {
    kind,
    component: component.name,
    line: component.line,
    uid,
    revision: revisionOf(component),
    isHidden,
    isCancelled,
    ...overrideOf(component, zones),
    user: userOf(component),
    organizer: organizerOf(component),
    title: oneLine(titleOf(component)),
    completed: isCancelled || isCompleted(component),
    taskId: taskIdOf(component),
    priority: priorityOf(component),
  } as const;
  if (isHidden) return { ...common, ...NO_TIMES };
  const start = momentOf(component, 'DTSTART', zones);
  const end = momentOf(component, kind === 'task' ? 'DUE' : 'DTEND', zones);
  const anchor = start ?? end;
  if (kind === 'block' && start === undefined) throw new EntryError('no_start', 'has no DTSTART');
  const length = lengthOf(component, start, end);
  return {
    ...common,
    sections: sectionsOf(component, anchor !== undefined),
    anchor,
    length,
    alarms: kind === 'task' ? alarmsOf(component, zones, anchor, length, leadMs) : [],
    rules: anchor === undefined ? [] : rulesOf(component, 'RRULE', anchor),
    exceptionRules: anchor === undefined ? [] : rulesOf(component, 'EXRULE', anchor),
    recurrenceDates: yield* listedDates(component, 'RDATE', zones),
    exceptionDates: (yield* listedDates(component, 'EXDATE', zones)).map(({ start: at }) => at),
  };
}

const NO_TIMES = {
  sections: 1,
  anchor: undefined,
  length: undefined,
  alarms: [],
  rules: [],
  exceptionRules: [],
  recurrenceDates: [],
  exceptionDates: [],
} as const;

function isNamed(component: Component, name: string, value: string): boolean {
  return rawValue(component, name).toUpperCase() === value;
}

/** True for a VEVENT that is cancelled, transparent, or lasts whole days. */
export function hidesOccurrence(component: Component, isCancellation: boolean): boolean {
  if (component.name !== 'VEVENT') return false;
  if (isCancellation || isNamed(component, 'STATUS', 'CANCELLED')) return true;
  const start = lineOf(component, 'DTSTART');
  const isWholeDay = start !== undefined && /^\d{8}$/.test(valueOf(start));
  return isWholeDay || isNamed(component, 'TRANSP', 'TRANSPARENT');
}

function overrideOf(component: Component, zones: TimeZones) {
  const recurrenceId = momentOf(component, 'RECURRENCE-ID', zones);
  const range = recurrenceId && readProperty(recurrenceId.line).params.get('range');
  return { recurrenceId, overridesLater: range?.toUpperCase() === 'THISANDFUTURE' };
}

function organizerOf(component: Component): string | undefined {
  const text = lineOf(component, 'ORGANIZER')?.text ?? '';
  return /mailto:([^\s;,"<>]+)/i.exec(text)?.[1]?.toLowerCase();
}

/** In a series of dates, times of day are ignored (RFC 5545, 3.3.10). */
function rulesOf(component: Component, name: string, { form }: Moment): readonly RuleLine[] {
  return linesOf(component, name).map((line) => {
    const rule = readRecurrenceRule(line);
    if (form !== 'date') return { rule, line };
    return { rule: { ...rule, byHour: [], byMinute: [], bySecond: [] }, line };
  });
}

// Reads an iCalendar text as tasks and blocks around an instant. Pure.
import { IdSchema } from '../../../domain/core/identity.ts';
import type { Instant } from '../../../domain/core/instants.ts';
import type { ScheduledBlock, Task } from '../task-source.ts';
import { EntryError, type EntryProblem } from '../entry-problem.ts';
import { readComponents, type Component, type ContentLine } from './components.ts';
import { idOf, isBlock, instanceIdOf, readEntry, type Entry } from './entry.ts';
import { expand, type Instance, type TimeRange } from './recurrence-set.ts';
import { isInstant } from './property-values.ts';
import { createTimeZones, namedTimeZone, type TimeZone, type TimeZones } from './time-zones.ts';

export type CalendarOptions = {
  /** The user of entries and calendars that name none. */
  readonly user?: string | undefined;
  /** The folder's name: the user of entries where neither the calendar nor `user` names one. */
  readonly folderUser?: string | undefined;
  readonly timeZone: string;
  /** How long before DUE a task without VALARM becomes urgent, in milliseconds. */
  readonly urgencyLeadMs: number;
};

export type FileRows = {
  readonly tasks: readonly Task[];
  readonly blocks: readonly ScheduledBlock[];
  readonly problems: readonly EntryProblem[];
  /** Entries that were read, entries of other kinds, and entries with a problem. */
  readonly counts: { readonly imported: number; readonly ignored: number; readonly failed: number };
};

/** Instances of a recurring entry are read from this far back to this far ahead. */
export const BEHIND_MS = 7 * 24 * 60 * 60_000;
export const AHEAD_MS = 8 * 24 * 60 * 60_000;
/** Reads a calendar around `now`. Reports problems of the text and never throws for them. */
export function readCalendar(
  file: string,
  text: string,
  now: Instant,
  options: CalendarOptions,
): FileRows {
  const components = readComponents(text);
  const problems: EntryProblem[] = components.problems.map((problem) => ({ file, ...problem }));
  const tasks: Task[] = [];
  const blocks: ScheduledBlock[] = [];
  let [imported, ignored, failed] = [0, 0, components.problems.length];
  for (const count of components.ignored.values()) ignored += count;

  const report = (component: Component, error: unknown, uid?: string): void => {
    if (!(error instanceof EntryError)) throw error;
    const { code, message, line = component.line } = error;
    failed += 1;
    problems.push({ file, line, component: component.name, id: uid, code, message });
  };

  const zonesOf = components.calendars.map((lines, calendar) =>
    calendarZones(lines, calendar, components.entries, options),
  );
  const series = new Map<string, Entry[]>();
  for (const component of components.entries) {
    if (component.name === 'VTIMEZONE') continue;
    if (component.name === 'VEVENT' && !isBlock(component)) {
      ignored += 1;
      continue;
    }
    const zones = zonesOf[component.calendar];
    if (zones === undefined) continue;
    try {
      const entry = readEntry(component, zones, options.urgencyLeadMs);
      const key = `${entry.kind} ${component.calendar} ${entry.uid}`;
      const members = series.get(key) ?? [];
      members.push(entry);
      series.set(key, members);
    } catch (error) {
      report(component, error, valueOf(component.lines, 'UID')?.slice(0, 128));
    }
  }
  const range = { from: now - BEHIND_MS, to: now + AHEAD_MS };
  for (const members of series.values()) {
    const overridden = new Set(members.map((entry) => entry.recurrenceId));
    for (const entry of members) {
      const zones = zonesOf[entry.component.calendar];
      if (zones === undefined) continue;
      try {
        const calendarUser = userOfCalendar(components.calendars[entry.component.calendar]);
        const user = userOf(entry, calendarUser, options);
        for (const instance of expand(entry, overridden, zones, range)) {
          if (entry.kind === 'task') tasks.push(taskOf(instance, user));
          else if (isCurrent(instance, range)) blocks.push(blockOf(instance, user));
        }
        imported += 1;
      } catch (error) {
        report(entry.component, error, entry.uid.slice(0, 128));
      }
    }
  }
  return { tasks, blocks, problems, counts: { imported, ignored, failed } };
}

function isCurrent({ at, entry }: Instance, { from }: TimeRange): boolean {
  return at !== undefined && at + (entry.durationMs ?? 0) >= from;
}

function taskOf({ entry, at, isRecurring }: Instance, userId: string): Task {
  const { uid, title, priority, completed, sections, durationMs, urgencyOffsetMs, recurrenceId } =
    entry;
  const start = (): Instant => storableInstant(entry, at ?? 0);
  const plus = (ms: number | undefined): Instant | undefined =>
    ms === undefined ? undefined : storableInstant(entry, (at ?? 0) + ms);
  return {
    userId,
    taskId: isRecurring ? instanceIdOf(uid, recurrenceId ?? start()) : idOf(uid),
    title,
    priority,
    completed,
    deadlineAt: at === undefined ? undefined : plus(durationMs),
    urgencyThresholdAt: plus(urgencyOffsetMs),
    estimatedSections: sections,
  };
}

function blockOf({ entry, at = 0, isRecurring }: Instance, userId: string): ScheduledBlock {
  const { uid, title, taskId, completed, durationMs = 0, recurrenceId } = entry;
  const startAt = storableInstant(entry, at);
  return {
    userId,
    blockId: isRecurring ? instanceIdOf(uid, recurrenceId ?? startAt) : idOf(uid),
    seriesId: isRecurring ? idOf(uid) : undefined,
    title,
    taskId,
    startAt,
    endAt: storableInstant(entry, startAt + durationMs),
    completed,
  };
}

function storableInstant(entry: Entry, at: number): Instant {
  if (isInstant(at)) return at;
  const line = entry.anchor?.line.line;
  throw new EntryError('out_of_range', 'is outside the years 1970 to 9999', line);
}

function userOf(entry: Entry, calendar: string | undefined, options: CalendarOptions): string {
  const organizer = IdSchema.safeParse(entry.organizer);
  const user = entry.user ?? calendar ?? options.user ?? options.folderUser ?? organizer.data;
  if (user !== undefined) return user;
  const message = 'names no user, and neither its calendar, folder nor an option does';
  throw new EntryError('no_user', message);
}

function userOfCalendar(lines: readonly ContentLine[] | undefined): string | undefined {
  return IdSchema.safeParse(valueOf(lines, 'X-TOCSIN-USER')).data;
}

function calendarZones(
  lines: readonly ContentLine[],
  calendar: number,
  entries: readonly Component[],
  options: CalendarOptions,
): TimeZones {
  const timezones = new Map<string, Component>();
  for (const component of entries) {
    if (component.name !== 'VTIMEZONE' || component.calendar !== calendar) continue;
    const tzid = valueOf(component.lines, 'TZID');
    if (tzid !== undefined && !timezones.has(tzid)) timezones.set(tzid, component);
  }
  const value = valueOf(lines, 'X-WR-TIMEZONE');
  const floating: TimeZone | undefined =
    (value === undefined ? undefined : namedTimeZone(value)) ?? namedTimeZone(options.timeZone);
  return createTimeZones(timezones, floating ?? { toInstant: (local) => local });
}

function valueOf(lines: readonly ContentLine[] | undefined, name: string): string | undefined {
  const line = lines?.find((found) => found.name === name);
  const value = line?.text.slice(line.text.indexOf(':') + 1).trim();
  return value === '' ? undefined : value;
}

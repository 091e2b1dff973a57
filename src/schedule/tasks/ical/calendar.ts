// Reads the entries of an iCalendar file. Pure.
import { IdSchema } from '../../../domain/core/identity.ts';
import type { Instant } from '../../../domain/core/instants.ts';
import { EntryError, type EntryProblem } from '../entry-problem.ts';
import type { ScheduledBlock, Task } from '../task-source.ts';
import { lineOf, rawValue, readComponents, type Component, type Components } from './components.ts';
import {
  hidesOccurrence,
  readEntry,
  type CalendarEntry,
  type Entry,
  type EntryContext,
} from './entry.ts';
import { configuredTimeZone, namedTimeZone } from './named-zone.ts';
import { rowsOf } from './rows.ts';
import { createTimeZones, zoneKey, type TimeZones } from './time-zones.ts';
import { createFileWork, type FileWork } from './work.ts';

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

/** The entries of a file. They are read once, and expanded around each new time. */
export type CalendarEntries = {
  readonly entries: readonly CalendarEntry[];
  readonly problems: readonly EntryProblem[];
  readonly ignored: number;
  /** True for a calendar without its end, whose other entries may be missing. */
  readonly isCut: boolean;
};

/**
 * Reads a calendar. Yields between parts of the work, so that the caller can pause.
 *
 * @throws EntryError `not_a_calendar` for a file without a calendar
 */
export function* readCalendarEntries(
  file: string,
  bytes: Buffer,
  options: CalendarOptions,
): Generator<undefined, CalendarEntries, undefined> {
  const components = yield* readComponents(bytes);
  assertCalendar(bytes, components);
  const problems: EntryProblem[] = components.problems.map((problem) => ({ file, ...problem }));
  let ignored = components.ignored;
  const contexts = yield* contextsOf(components, options);
  const read: { readonly entry: Entry; readonly calendar: number }[] = [];

  const report = (component: Component, error: unknown): void => {
    if (!(error instanceof EntryError)) throw error;
    const { code, message, line = component.line } = error;
    const id = rawValue(component, 'UID').slice(0, 128) || undefined;
    problems.push({ file, line, component: component.name, id, code, message });
  };

  for (const component of components.entries) {
    yield;
    const context = contexts[component.calendar];
    if (component.name === 'VTIMEZONE' || context === undefined) continue;
    try {
      read.push({ entry: yield* readEntry(component, context), calendar: component.calendar });
    } catch (error) {
      const isIgnored =
        hidesOccurrence(component, context.isCancellation) &&
        lineOf(component, 'RECURRENCE-ID') === undefined;
      if (isIgnored) ignored += 1;
      else report(component, error);
    }
  }

  // An override that names no user belongs to its series.
  const owners = new Map<string, Entry>();
  for (const { entry, calendar } of read) {
    if (entry.recurrenceId === undefined)
      owners.set(`${calendar} ${entry.kind} ${entry.uid}`, entry);
  }
  const entries: CalendarEntry[] = [];
  for (const { entry, calendar } of read) {
    yield;
    const key = `${calendar} ${entry.kind} ${entry.uid}`;
    const owner = entry.recurrenceId === undefined ? undefined : owners.get(key);
    const organizer = IdSchema.safeParse(entry.organizer ?? owner?.organizer).data;
    const named = entry.user ?? owner?.user ?? contexts[calendar]?.user;
    const userId = named ?? options.user ?? options.folderUser ?? organizer;
    if (userId !== undefined) entries.push({ ...entry, file, userId });
    else if (entry.isHidden) ignored += 1;
    else problems.push(withoutUser(file, entry));
  }
  return { entries, problems, ignored, isCut: components.isCut };
}

/** Reads a calendar around `now` at once. Reports problems of the text and never throws for them. */
export function readCalendar(
  file: string,
  text: string | Buffer,
  now: Instant,
  options: CalendarOptions,
): FileRows {
  try {
    const read = finish(readCalendarEntries(file, Buffer.from(text), options));
    const { tasks, blocks, problems, counts } = finish(rowsOf(read.entries, now));
    const all = [...read.problems, ...problems];
    const ignored = read.ignored + counts.ignored;
    const { imported } = counts;
    return { tasks, blocks, problems: all, counts: { imported, ignored, failed: all.length } };
  } catch (error) {
    if (!(error instanceof EntryError)) throw error;
    const problems = [fileProblem(file, error)];
    return { tasks: [], blocks: [], problems, counts: { imported: 0, ignored: 0, failed: 1 } };
  }
}

/** The problem of a file that cannot be read at all. */
export function fileProblem(
  file: string,
  { code, message }: { readonly code: string; readonly message: string },
): EntryProblem {
  return { file, line: 1, component: 'file', code, message };
}

function finish<T>(steps: Generator<undefined, T, undefined>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

function assertCalendar(bytes: Buffer, { calendars, entries }: Components): void {
  // The first of the calendars holds what is outside of all.
  if (calendars.length > 1 || entries.length > 0) return;
  const why = bytes.length === 0 ? 'it is empty' : 'it has no VCALENDAR';
  throw new EntryError('not_a_calendar', `is no calendar: ${why}`);
}

function withoutUser(file: string, { line, component, uid }: Entry): EntryProblem {
  const message = 'names no user, and neither its calendar, folder nor an option does';
  return { file, line, component, id: uid.slice(0, 128), code: 'no_user', message };
}

/** What each VCALENDAR says about its entries. */
function* contextsOf({ calendars, entries }: Components, options: CalendarOptions) {
  const timezones = calendars.map(() => new Map<string, Component>());
  for (const component of entries) {
    yield;
    if (component.name !== 'VTIMEZONE') continue;
    const tzid = rawValue(component, 'TZID');
    const known = timezones[component.calendar];
    if (tzid !== '' && known?.has(zoneKey(tzid)) === false) known.set(zoneKey(tzid), component);
  }
  const work = createFileWork();
  const contexts: (EntryContext & { readonly user: string | undefined })[] = [];
  for (const [calendar, lines] of calendars.entries()) {
    yield;
    const value = (name: string): string => rawValue({ lines }, name);
    contexts.push({
      zones: zonesOf(value('X-WR-TIMEZONE'), timezones[calendar] ?? new Map(), work, options),
      user: IdSchema.safeParse(value('X-TOCSIN-USER')).data,
      isCancellation: value('METHOD').toUpperCase() === 'CANCEL',
      leadMs: options.urgencyLeadMs,
    });
  }
  return contexts;
}

function zonesOf(
  floating: string,
  timezones: ReadonlyMap<string, Component>,
  work: FileWork,
  options: CalendarOptions,
): TimeZones {
  const named = floating === '' ? undefined : namedTimeZone(floating);
  const zone = named ?? configuredTimeZone(options.timeZone);
  return createTimeZones(timezones, zone, () => work.entry());
}

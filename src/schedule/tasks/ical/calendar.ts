// A calendar's text to tasks and blocks around an instant, and what could not be read. Pure: the same
// text, instant and options give the same rows.
import { IdSchema } from '../../../domain/core/identity.ts';
import type { Instant } from '../../../domain/core/instants.ts';
import type { ScheduledBlock, Task } from '../task-source.ts';
import { EntryError, type EntryProblem } from '../entry-problem.ts';
import { readComponents, type Component, type ContentLine } from './components.ts';
import { isStorable, idOf, isBlock, instanceIdOf, readEntry, type Entry } from './entry.ts';
import { recurrenceInstances } from './recurrence.ts';
import { createTimeZones, namedTimeZone, type TimeZone, type TimeZones } from './time-zones.ts';

export type CalendarOptions = {
  /** Whose entries they are that do not say it themselves. */
  readonly user?: string | undefined;
  /** Whose they are when neither the entry nor `user` says it: the folder's name. */
  readonly folderUser?: string | undefined;
  /** The zone of times that name none. */
  readonly timeZone: string;
  /** How long before its due time a task without alarm becomes urgent, in milliseconds. */
  readonly urgencyLeadMs: number;
};

export type CalendarRows = {
  readonly tasks: readonly Task[];
  readonly blocks: readonly ScheduledBlock[];
  readonly problems: readonly EntryProblem[];
  /** Entries that became rows, entries that are none of ours, and entries with a problem. */
  readonly counts: { readonly imported: number; readonly ignored: number; readonly failed: number };
};

/** How far back and ahead occurrences of a series are looked at. */
export const BEHIND_MS = 7 * 24 * 60 * 60_000;
export const AHEAD_MS = 8 * 24 * 60 * 60_000;
/** Occurrences of one series within that stretch; more is no task that a person has. */
const MAX_OCCURRENCES = 1_000;

type Span = { readonly from: number; readonly to: number };
type Found = { readonly entry: Entry; readonly at: number | undefined; readonly part: boolean };

/** Reads a calendar as it is around `now`. Never throws for what the text may hold. */
export function readCalendar(
  file: string,
  text: string,
  now: Instant,
  options: CalendarOptions,
): CalendarRows {
  const components = readComponents(text);
  const problems: EntryProblem[] = components.problems.map((problem) => ({ file, ...problem }));
  const tasks: Task[] = [];
  const blocks: ScheduledBlock[] = [];
  let [imported, ignored, failed] = [0, 0, components.problems.length];
  for (const count of components.ignored.values()) ignored += count;

  const tell = (component: Component, error: unknown, uid?: string): void => {
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
      const members = series.get(key);
      if (members === undefined) series.set(key, [entry]);
      else members.push(entry);
    } catch (error) {
      tell(component, error, valueOf(component.lines, 'UID')?.slice(0, 128));
    }
  }
  const span = { from: now - BEHIND_MS, to: now + AHEAD_MS };
  for (const members of series.values()) {
    const exceptions = new Set(members.map((entry) => entry.recurrenceId));
    for (const entry of members) {
      const zones = zonesOf[entry.component.calendar];
      if (zones === undefined) continue;
      try {
        const calendarUser = userOfCalendar(components.calendars[entry.component.calendar]);
        const user = whose(entry, calendarUser, options);
        for (const found of expand(entry, exceptions, zones, span)) {
          if (entry.kind === 'task') tasks.push(taskOf(found, user));
          else if (isCurrent(found, span)) blocks.push(blockOf(found, user));
        }
        imported += 1;
      } catch (error) {
        tell(entry.component, error, entry.uid.slice(0, 128));
      }
    }
  }
  return { tasks, blocks, problems, counts: { imported, ignored, failed } };
}

/** An entry's occurrences: itself, where it is none of a series. */
function* expand(
  entry: Entry,
  exceptions: ReadonlySet<number | undefined>,
  zones: TimeZones,
  span: Span,
): Generator<Found, void, undefined> {
  const { anchor, rules, added, except, recurrenceId } = entry;
  if (anchor === undefined || recurrenceId !== undefined) {
    yield { entry, at: anchor?.at, part: recurrenceId !== undefined };
    return;
  }
  if (rules.length === 0 && added.length === 0) {
    // One whose only occurrence has an exception of its own is told by that.
    if (!exceptions.has(anchor.at)) yield { entry, at: anchor.at, part: false };
    return;
  }
  const instants = new Set<number>(added.filter((at) => at >= span.from && at < span.to));
  if (rules.length === 0 && anchor.at >= span.from && anchor.at < span.to) instants.add(anchor.at);
  for (const { rule, line } of rules) {
    const isPast = pastUntil(rule.until, anchor.when.form, (local) =>
      zones.toInstant({ ...anchor.when, local }, line),
    );
    // On the wall clock; a zone is at most a day away from UTC.
    const local = { from: span.from - ONE_DAY, to: span.to + ONE_DAY };
    for (const wall of recurrenceInstances(rule, anchor.when.local, local, isPast)) {
      const at = zones.toInstant({ ...anchor.when, local: wall }, line);
      if (at < span.from || at >= span.to) continue;
      instants.add(at);
      if (instants.size > MAX_OCCURRENCES) {
        const message = `recurs more than ${MAX_OCCURRENCES} times within two weeks`;
        throw new EntryError('recurs_too_often', message, line.line);
      }
    }
  }
  for (const at of [...instants].sort((a, b) => a - b)) {
    if (!except.has(at) && !exceptions.has(at)) yield { entry, at, part: true };
  }
}

const ONE_DAY = 24 * 60 * 60_000;

/** UNTIL is inclusive; a date means that whole day, on the clock of the entry. */
function pastUntil(
  until: string | undefined,
  form: 'date' | 'utc' | 'local',
  toInstant: (local: number) => number,
): (local: number) => boolean {
  if (until === undefined) return () => false;
  const n = (from: number, to: number): number => Number(until.slice(from, to) || 0);
  const limit = Date.UTC(n(0, 4), n(4, 6) - 1, n(6, 8), n(9, 11), n(11, 13), n(13, 15));
  if (until.length === 8) return (local) => local >= limit + ONE_DAY;
  if (until.endsWith('Z') && form === 'local') return (local) => toInstant(local) > limit;
  return (local) => local > limit;
}

function isCurrent({ at, entry }: Found, { from }: Span): boolean {
  return at !== undefined && at + (entry.lengthMs ?? 0) >= from;
}

function taskOf({ entry, at, part }: Found, userId: string): Task {
  const { uid, title, priority, completed, sections, lengthMs, urgentMs, recurrenceId } = entry;
  const plus = (ms: number | undefined): number | undefined =>
    ms === undefined ? undefined : held(entry, (at ?? 0) + ms);
  return {
    userId,
    taskId: part ? instanceIdOf(uid, recurrenceId ?? held(entry, at ?? 0)) : idOf(uid),
    title,
    priority,
    completed,
    deadlineAt: at === undefined ? undefined : plus(lengthMs),
    urgencyThresholdAt: plus(urgentMs),
    estimatedSections: sections,
  };
}

function blockOf({ entry, at = 0, part }: Found, userId: string): ScheduledBlock {
  const { uid, title, taskId, completed, lengthMs = 0, recurrenceId } = entry;
  const startAt = held(entry, at);
  return {
    userId,
    blockId: part ? instanceIdOf(uid, recurrenceId ?? startAt) : idOf(uid),
    seriesId: part ? idOf(uid) : undefined,
    title,
    taskId,
    startAt,
    endAt: held(entry, startAt + lengthMs),
    completed,
  };
}

function held(entry: Entry, at: number): Instant {
  if (isStorable(at)) return at;
  throw new EntryError(
    'out_of_range',
    'is outside the years 1970 to 9999',
    entry.anchor?.line.line,
  );
}

function whose(entry: Entry, calendar: string | undefined, options: CalendarOptions): string {
  const organizer = IdSchema.safeParse(entry.organizer);
  const user =
    entry.user ??
    calendar ??
    options.user ??
    options.folderUser ??
    (organizer.success ? organizer.data : undefined);
  if (user !== undefined) return user;
  throw new EntryError('no_user', 'does not say whose it is');
}

function userOfCalendar(lines: readonly ContentLine[] | undefined): string | undefined {
  const said = IdSchema.safeParse(valueOf(lines, 'X-TOCSIN-USER'));
  return said.success ? said.data : undefined;
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
  const said = valueOf(lines, 'X-WR-TIMEZONE');
  const floating: TimeZone | undefined =
    (said === undefined ? undefined : namedTimeZone(said)) ?? namedTimeZone(options.timeZone);
  return createTimeZones(timezones, floating ?? { toInstant: (local) => local });
}

function valueOf(lines: readonly ContentLine[] | undefined, name: string): string | undefined {
  const line = lines?.find((found) => found.name === name);
  const value = line?.text.slice(line.text.indexOf(':') + 1).trim();
  return value === '' ? undefined : value;
}

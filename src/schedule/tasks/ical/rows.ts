// Turns the entries of calendars into tasks and blocks around an instant.
import type { Instant } from '../../../domain/core/instants.ts';
import { EntryError, type EntryProblem } from '../entry-problem.ts';
import type { ScheduledBlock, Task } from '../task-source.ts';
import type { CalendarEntry } from './entry.ts';
import { idOf, instanceIdOf } from './entry-properties.ts';
import { isInstant } from './property-values.ts';
import { occurrenceOf, occurrencesOf, seriesOf, type Occurrence } from './series.ts';
import { later } from './time-zone.ts';
import { createFileWork, type FileWork } from './work.ts';

export type CalendarRows = {
  readonly tasks: readonly Task[];
  readonly blocks: readonly ScheduledBlock[];
  readonly problems: readonly EntryProblem[];
  /** Entries that became rows or could, and entries that count for nothing. */
  readonly counts: { readonly imported: number; readonly ignored: number };
};

/** Instances of a recurring entry are read from this far back to this far ahead. */
export const BEHIND_MS = 7 * 24 * 60 * 60_000;
export const AHEAD_MS = 8 * 24 * 60 * 60_000;

/** The rows of all entries, also of several files: entries with one user and UID are one series. Yields between parts of the work. */
export function* rowsOf(
  entries: Iterable<CalendarEntry>,
  now: Instant,
): Generator<undefined, CalendarRows, undefined> {
  const groups = new Map<string, CalendarEntry[]>();
  for (const entry of entries) {
    yield;
    const key = `${entry.kind} ${entry.userId} ${entry.uid}`;
    const members = groups.get(key);
    if (members === undefined) groups.set(key, [entry]);
    else members.push(entry);
  }
  const tasks: Task[] = [];
  const blocks: ScheduledBlock[] = [];
  const problems: EntryProblem[] = [];
  const works = new Map<string, FileWork>();
  const range = { from: now - BEHIND_MS, to: now + AHEAD_MS };
  let [imported, ignored] = [0, 0];

  const readInto = (
    entry: CalendarEntry,
    occurrences: () => Iterable<Occurrence<CalendarEntry>>,
  ): void => {
    if (entry.isHidden) {
      ignored += 1;
      return;
    }
    try {
      for (const occurrence of occurrences()) {
        if (entry.kind === 'task') tasks.push(taskOf(occurrence));
        else {
          const block = blockOf(occurrence);
          if (block.endAt >= range.from) blocks.push(block);
        }
      }
      imported += 1;
    } catch (error) {
      if (!(error instanceof EntryError)) throw error;
      const { code, message, line = entry.line } = error;
      const { file, component, uid } = entry;
      problems.push({ file, line, component, id: uid.slice(0, 128), code, message });
    }
  };

  for (const members of groups.values()) {
    yield;
    const { master, overrides, superseded } = seriesOf(members);
    ignored += superseded.length;
    if (master !== undefined) {
      const work = works.get(master.file) ?? createFileWork();
      works.set(master.file, work);
      readInto(master, () => occurrencesOf(master, overrides, range, work.entry()));
    }
    for (const [id, entry] of overrides) {
      yield;
      readInto(entry, () => [occurrenceOf(entry, id)]);
    }
  }
  return { tasks, blocks, problems, counts: { imported, ignored } };
}

function taskOf(occurrence: Occurrence<CalendarEntry>): Task {
  const { entry, at, id } = occurrence;
  const { uid, title, priority, completed, sections, userId, alarms } = entry;
  const endAt = endOf(occurrence);
  const alarmTimes = alarms.map((alarm) => {
    if (alarm.kind === 'instant') return alarm.at;
    const base = alarm.base === 'end' ? endAt : at;
    return base === undefined ? undefined : laterIn(entry, base, alarm.offset);
  });
  const urgentAt = Math.min(...alarmTimes.filter((time) => time !== undefined));
  return {
    userId,
    taskId: id === undefined ? idOf(uid) : instanceIdOf(uid, id),
    title,
    priority,
    completed,
    deadlineAt: endAt === undefined ? undefined : storable(entry, endAt),
    urgencyThresholdAt: urgentAt === Infinity ? undefined : storable(entry, urgentAt),
    estimatedSections: sections,
  };
}

function blockOf(occurrence: Occurrence<CalendarEntry>): ScheduledBlock {
  const { entry, at = 0, id } = occurrence;
  const { uid, title, taskId, completed, userId } = entry;
  return {
    userId,
    blockId: id === undefined ? idOf(uid) : instanceIdOf(uid, id),
    seriesId: id === undefined ? undefined : idOf(uid),
    title,
    taskId,
    startAt: storable(entry, at),
    endAt: storable(entry, endOf(occurrence) ?? at),
    completed,
  };
}

function endOf({ entry, at, length }: Occurrence<CalendarEntry>): number | undefined {
  return at === undefined || length === undefined ? undefined : laterIn(entry, at, length);
}

function laterIn(
  { anchor }: CalendarEntry,
  at: number,
  duration: Parameters<typeof later>[2],
): number {
  return anchor === undefined ? at + duration.ms : later(anchor.zone, at, duration);
}

function storable(entry: CalendarEntry, at: number): Instant {
  if (isInstant(at)) return at;
  const line = entry.anchor?.line.line;
  throw new EntryError('out_of_range', 'is outside the years 1970 to 9999', line);
}

// The recurrence set of an entry (RFC 5545, 3.8.5): DTSTART, RRULE and RDATE without EXDATE and EXRULE.
import { EntryError } from '../entry-problem.ts';
import { DAY_MS } from './calendar-days.ts';
import type { Entry, RuleLine } from './entry.ts';
import { instantOf, type Moment } from './entry-times.ts';
import type { Duration } from './property-values.ts';
import { isInstance, recurrenceInstances } from './recurrence.ts';
import { pastUntil } from './until.ts';
import type { Work } from './work.ts';

/** `from <= at < to`, in milliseconds. */
export type TimeRange = { readonly from: number; readonly to: number };

/** Instants with the lengths that their RDATE gives them. */
export type RecurrenceSet = ReadonlyMap<number, Duration | undefined>;

const MAX_INSTANCES = 1_000;
/** An EXRULE that excludes more is no rule of a calendar. */
const MAX_EXCLUDED = 10_000;

/** The recurrence set of an entry with an anchor that recurs, within the range. */
export function recurrenceSet(
  entry: Entry,
  anchor: Moment,
  range: TimeRange,
  work: Work,
): RecurrenceSet {
  const set = new Map<number, Duration | undefined>();
  const isIn = (at: number): boolean => at >= range.from && at < range.to;
  // DTSTART is the first occurrence also where its rule does not name it.
  const first = instantOf(anchor);
  if (isIn(first)) set.set(first, undefined);
  for (const { rule, line } of entry.rules) {
    const counted = isInstance(rule, anchor.local, anchor.local, work) ? 0 : 1;
    const locals = localInstances({ rule, line }, anchor, range, work, {
      counted,
      most: MAX_INSTANCES,
    });
    for (const local of locals) {
      const at = anchor.zone.toInstant(local);
      if (isIn(at)) set.set(at, undefined);
    }
  }
  for (const { start, length } of entry.recurrenceDates) {
    if (!isNear(start, range)) continue;
    work.spend(4);
    const at = inSeries(start, anchor);
    if (isIn(at)) set.set(at, length);
  }
  if (set.size > MAX_INSTANCES) throw recursTooOften(entry.rules[0]?.line.line, MAX_INSTANCES);
  return set;
}

/** Tells which instants the entry's EXDATEs and EXRULEs exclude. */
export function exclusions(
  entry: Entry,
  anchor: Moment,
  range: TimeRange,
  work: Work,
): (at: number) => boolean {
  const instants = new Set<number>();
  const days = new Set<number>();
  for (const date of entry.exceptionDates) {
    if (!isNear(date, range)) continue;
    work.spend(4);
    // A date excludes its whole day; in a series of dates, a time excludes its day.
    if (date.form === 'date' || anchor.form === 'date') days.add(Math.floor(date.local / DAY_MS));
    if (date.form !== 'date') instants.add(inSeries(date, anchor));
  }
  for (const rule of entry.exceptionRules) {
    const options = { counted: 0, most: MAX_EXCLUDED };
    for (const local of localInstances(rule, anchor, range, work, options)) {
      instants.add(anchor.zone.toInstant(local));
    }
  }
  return (at) =>
    instants.has(at) || (days.size > 0 && days.has(Math.floor(anchor.zone.toLocal(at) / DAY_MS)));
}

/** The instant of a date that a series lists, which may have another value type than its DTSTART. */
export function inSeries(date: Moment, anchor: Moment): number {
  if (date.form === 'date' && anchor.form !== 'date') {
    // A date alone means the occurrence of that day.
    return anchor.zone.toInstant(date.local + modulo(anchor.local, DAY_MS));
  }
  if (date.form !== 'date' && anchor.form === 'date') {
    const local = anchor.zone.toLocal(instantOf(date));
    // Midnight in the zone of the series is meant as its date, whatever zone it is written in.
    const day = modulo(local, DAY_MS) === 0 ? local : date.local;
    return anchor.zone.toInstant(day - modulo(day, DAY_MS));
  }
  const isFloating = date.form === 'local' && date.tzid === undefined;
  // A time without a zone is a time of the series.
  return (isFloating && anchor.form === 'local' ? anchor : date).zone.toInstant(date.local);
}

/** The rule's local times that may lie in the range. They are counted before any is converted. */
function localInstances(
  { rule, line }: RuleLine,
  anchor: Moment,
  range: TimeRange,
  work: Work,
  { counted, most }: { readonly counted: number; readonly most: number },
): readonly number[] {
  const { zone, local: dtstart, form } = anchor;
  const [from, to] = [range.from, range.to].map((at) => {
    const offsets = [at - DAY_MS, at + DAY_MS].map((near) => zone.toLocal(near) - near);
    return { least: at + Math.min(...offsets), most: at + Math.max(...offsets) };
  });
  if (from === undefined || to === undefined) return [];
  const isPast = pastUntil(rule.until, form === 'local' ? zone.toInstant : undefined);
  const found: number[] = [];
  let inside = 0;
  for (const local of recurrenceInstances(rule, dtstart, {
    from: from.least,
    to: to.most,
    isPast,
    counted,
    work,
  })) {
    found.push(local);
    if (local < from.most || local >= to.least) continue;
    inside += 1;
    if (inside > most) throw recursTooOften(line.line, most);
  }
  return found;
}

/** A local time is less than a day from its instant. */
function isNear({ local }: Moment, { from, to }: TimeRange): boolean {
  return local >= from - 2 * DAY_MS && local < to + 2 * DAY_MS;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}

function recursTooOften(line: number | undefined, most: number): EntryError {
  const message = `recurs more than ${most} times within two weeks`;
  return new EntryError('recurs_too_often', message, line);
}

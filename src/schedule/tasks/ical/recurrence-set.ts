// The recurrence set of an entry (RFC 5545, 3.8.5): RRULE and RDATE without exceptions and overrides.
import { EntryError } from '../entry-problem.ts';
import type { Entry } from './entry.ts';
import { recurrenceInstances } from './recurrence.ts';
import type { TimeZones } from './time-zones.ts';

/** `from <= at < to`, in milliseconds. */
export type TimeRange = { readonly from: number; readonly to: number };

export type Instance = {
  readonly entry: Entry;
  readonly at: number | undefined;
  readonly isRecurring: boolean;
};

const ONE_DAY = 24 * 60 * 60_000;
const MAX_INSTANCES = 1_000;

/** The recurrence set of an entry; of an entry that does not recur, the entry. */
export function* expand(
  entry: Entry,
  overridden: ReadonlySet<number | undefined>,
  zones: TimeZones,
  range: TimeRange,
): Generator<Instance, void, undefined> {
  const { anchor, rules, recurrenceDates, exceptionDates, recurrenceId } = entry;
  if (anchor === undefined || recurrenceId !== undefined) {
    yield { entry, at: anchor?.at, isRecurring: recurrenceId !== undefined };
    return;
  }
  if (rules.length === 0 && recurrenceDates.length === 0) {
    // An entry that overrides the only instance replaces it.
    if (!overridden.has(anchor.at)) yield { entry, at: anchor.at, isRecurring: false };
    return;
  }
  const instants = new Set<number>(
    recurrenceDates.filter((at) => at >= range.from && at < range.to),
  );
  if (rules.length === 0 && anchor.at >= range.from && anchor.at < range.to)
    instants.add(anchor.at);
  for (const { rule, line } of rules) {
    const isPast = pastUntil(rule.until, anchor.when.form, (local) =>
      zones.toInstant({ ...anchor.when, local }, line),
    );
    // As local time: its offset from UTC is less than a day.
    const local = { from: range.from - ONE_DAY, to: range.to + ONE_DAY };
    for (const localTime of recurrenceInstances(rule, anchor.when.local, local, isPast)) {
      const at = zones.toInstant({ ...anchor.when, local: localTime }, line);
      if (at < range.from || at >= range.to) continue;
      instants.add(at);
      if (instants.size > MAX_INSTANCES) {
        const message = `recurs more than ${MAX_INSTANCES} times within two weeks`;
        throw new EntryError('recurs_too_often', message, line.line);
      }
    }
  }
  for (const at of [...instants].sort((a, b) => a - b)) {
    if (!exceptionDates.has(at) && !overridden.has(at)) yield { entry, at, isRecurring: true };
  }
}

/** UNTIL is inclusive; an UNTIL of type DATE includes that day in the entry's time zone. */
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

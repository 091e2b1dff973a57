// A series: the entry with a UID, and the entries that override its occurrences. Of two revisions one counts.
import type { Duration } from './property-values.ts';
import type { Entry } from './entry.ts';
import { instantOf, type Moment } from './entry-times.ts';
import { exclusions, inSeries, recurrenceSet, type TimeRange } from './recurrence-set.ts';
import { replaces } from './revision.ts';
import type { Work } from './work.ts';

export type Series<E extends Entry> = {
  readonly master: E | undefined;
  /** By the instant of the occurrence that they override. */
  readonly overrides: ReadonlyMap<number, E>;
  /** Entries of which another revision counts, or whose series is called off. */
  readonly superseded: readonly E[];
};

export type Occurrence<E extends Entry> = {
  readonly entry: E;
  readonly at: number | undefined;
  /** Of a recurring entry: the instant that names the occurrence. */
  readonly id: number | undefined;
  readonly length: Duration | undefined;
};

/** Orders the entries of one user, kind and UID. */
export function seriesOf<E extends Entry>(members: readonly E[]): Series<E> {
  const superseded: E[] = [];
  const newest = (one: E | undefined, other: E): E => {
    if (one === undefined) return other;
    const isNewer = replaces(other.revision, one.revision);
    superseded.push(isNewer ? one : other);
    return isNewer ? other : one;
  };
  let master: E | undefined;
  for (const entry of members) {
    if (entry.recurrenceId === undefined) master = newest(master, entry);
  }
  const overrides = new Map<number, E>();
  for (const entry of members) {
    if (entry.recurrenceId === undefined) continue;
    const at = overriddenAt(entry.recurrenceId, master?.anchor);
    // What is called off as a whole has no occurrences but those that were made later.
    if (master?.isCancelled && master.revision.sequence >= entry.revision.sequence) {
      superseded.push(entry);
    } else overrides.set(at, newest(overrides.get(at), entry));
  }
  return { master, overrides, superseded };
}

function overriddenAt(recurrenceId: Moment, anchor: Moment | undefined): number {
  return anchor === undefined ? instantOf(recurrenceId) : inSeries(recurrenceId, anchor);
}

/** The occurrences of the entry itself, without those that are overridden. */
export function* occurrencesOf<E extends Entry>(
  entry: E,
  overrides: ReadonlyMap<number, E>,
  range: TimeRange,
  work: Work,
): Generator<Occurrence<E>, void, undefined> {
  const { anchor, length } = entry;
  if (anchor === undefined) {
    yield { entry, at: undefined, id: undefined, length };
    return;
  }
  if (entry.rules.length === 0 && entry.recurrenceDates.length === 0) {
    const at = instantOf(anchor);
    // An entry that overrides the only occurrence replaces it.
    if (!overrides.has(at)) yield { entry, at, id: undefined, length };
    return;
  }
  const set = recurrenceSet(entry, anchor, range, work);
  const isExcluded = exclusions(entry, anchor, range, work);
  const ranges = [...overrides]
    .filter(([, { overridesLater }]) => overridesLater)
    .sort(([a], [b]) => b - a);
  for (const [at, own] of [...set].sort(([a], [b]) => a - b)) {
    if (overrides.has(at) || isExcluded(at)) continue;
    const [id, later] = ranges.find(([begin]) => begin < at) ?? [];
    if (id === undefined || later === undefined) {
      yield { entry, at, id: at, length: own ?? length };
    } else if (!later.isHidden) {
      yield { entry: later, at: movedLike(later, id, at), id: at, length: later.length };
    }
  }
}

/** An occurrence that is moved as the override moves its own. */
function movedLike({ anchor }: Entry, id: number, at: number): number | undefined {
  if (anchor === undefined) return undefined;
  const { zone, local } = anchor;
  return zone.toInstant(zone.toLocal(at) + local - zone.toLocal(id));
}

/** The occurrence of an override, and of one that overrides nothing that is known. */
export function occurrenceOf<E extends Entry>(entry: E, id: number): Occurrence<E> {
  const { anchor, length } = entry;
  return { entry, at: anchor && instantOf(anchor), id, length };
}

// From the local time of a zone to an instant and back. Local times are given as if they were UTC.
import { DAY_MS } from './calendar-days.ts';
import type { Duration } from './property-values.ts';

export type TimeZone = {
  readonly toInstant: (local: number) => number;
  readonly toLocal: (instant: number) => number;
};

export const UTC: TimeZone = { toInstant: (local) => local, toLocal: (instant) => instant };

/** @param offsetAt the zone's offset from UTC at an instant, in milliseconds */
export function createTimeZone(offsetAt: (instant: number) => number): TimeZone {
  return {
    toInstant: (local) => resolveLocal(local, offsetAt),
    toLocal: (instant) => instant + offsetAt(instant),
  };
}

/** The first instant of an ambiguous time; a skipped time has the offset before the change (RFC 5545, 3.3.5). */
function resolveLocal(local: number, offsetAt: (instant: number) => number): number {
  const before = offsetAt(local - DAY_MS);
  const after = offsetAt(local + DAY_MS);
  if (before === after) return local - before;
  const found = [before, after]
    .map((offset) => ({ at: local - offset, offset }))
    .filter(({ at, offset }) => offsetAt(at) === offset)
    .map(({ at }) => at);
  return found.length > 0 ? Math.min(...found) : local - before;
}

/** The instant that is a duration away: its days keep the zone's time of day. */
export function later(zone: TimeZone, at: number, { days, ms }: Duration): number {
  return (days === 0 ? at : zone.toInstant(zone.toLocal(at) + days * DAY_MS)) + ms;
}

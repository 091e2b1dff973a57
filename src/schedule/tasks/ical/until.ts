// UNTIL of a recurrence rule: a date, a local time or a time in UTC.
import { DAY_MS } from './calendar-days.ts';

/**
 * Tells local times that lie after UNTIL. UNTIL is inclusive; an UNTIL of type DATE includes that day.
 *
 * @param toInstant how the series' local times are converted, where UNTIL in UTC must be compared with instants
 */
export function pastUntil(
  until: string | undefined,
  toInstant: ((local: number) => number) | undefined,
): (local: number) => boolean {
  if (until === undefined) return () => false;
  const n = (from: number, to: number): number => Number(until.slice(from, to) || 0);
  const limit = Date.UTC(n(0, 4), n(4, 6) - 1, n(6, 8), n(9, 11), n(11, 13), n(13, 15));
  if (until.length === 8) return (local) => local >= limit + DAY_MS;
  if (!until.endsWith('Z') || toInstant === undefined) return (local) => local > limit;
  // Times further away than an offset can be need no conversion.
  return (local) => {
    if (Math.abs(local - limit) > DAY_MS) return local > limit;
    return toInstant(local) > limit;
  };
}

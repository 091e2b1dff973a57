// Counts instances of a recurrence rule without naming them.
import { DAY_MS } from './calendar-days.ts';
import { allowsEveryDay } from './rule-days.ts';
import { instancesOf, type Series } from './rule-periods.ts';
import { positions } from './rule-times.ts';
import type { Work } from './work.ts';

/** How many instances the periods before a period have. */
export function countBefore(series: Series, period: number, work: Work): number {
  if (period <= 0) return 0;
  return series.isStepped ? countStepped(series, period, work) : countPeriods(series, period, work);
}

/** Of a rule whose FREQ is HOURLY, MINUTELY or SECONDLY. */
function countStepped(series: Series, period: number, work: Work): number {
  const { rule, dtstart, days, times, startOf } = series;
  const [start, end] = [startOf(0), startOf(period)];
  let total = 0;
  if (times.isSameEachDay) {
    total = times.count(start, work) * days.count(start, start + 1, work);
    total += times.count(start + 1, work) * days.count(start + 1, end, work);
  } else if (rule.interval > 1 && times.dayAfter(start) > start + 1) {
    for (let day = start; day < end; day = times.dayAfter(day)) {
      work.spend(5);
      if (days.count(day, day + 1, work) > 0) total += times.count(day, work);
    }
  } else {
    for (const day of days.listMany(start, end, work)) {
      work.spend(2);
      total += times.count(day, work);
    }
  }
  // The hour or minute of DTSTART may have times before it.
  for (const at of instancesOf(series, 0, dtstart, dtstart + DAY_MS, work)) {
    if (at >= dtstart) return total;
    total -= 1;
  }
  return total;
}

/** Of a rule whose FREQ is DAILY or longer. */
function countPeriods(series: Series, period: number, work: Work): number {
  const { rule, dtstart, days, times, startOf, endOf, interval } = series;
  const each = times.count(0, work);
  const hasPositions = rule.bySetPos.length > 0;
  let total = 0;
  for (const at of instancesOf(series, 0, -Infinity, Infinity, work)) {
    work.spend(1);
    if (at >= dtstart) total += 1;
  }
  if (!hasPositions) {
    if (allowsEveryDay(rule)) return total + (period - 1) * each;
    if (interval === 1) return total + days.count(startOf(1), startOf(period), work) * each;
  }
  const selected = new Map<number, number>();
  for (let n = 1; n < period; n += 1) {
    work.spend(3);
    const size = days.count(startOf(n), endOf(n), work) * each;
    const known = selected.get(size);
    const found = known ?? (hasPositions ? positions(rule.bySetPos, size).length : size);
    selected.set(size, found);
    total += found;
  }
  return total;
}

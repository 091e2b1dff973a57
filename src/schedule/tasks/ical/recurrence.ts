// The recurrence instances of a rule. Times here are local times as if they were UTC. A rule costs what lies
// in the requested range: it is entered by arithmetic, and COUNT is counted without naming the instances.
import { DAY_MS } from './calendar-days.ts';
import type { RecurrenceRule } from './recurrence-rule.ts';
import { countBefore } from './rule-count.ts';
import { allowsEveryDay } from './rule-days.ts';
import { createSeries, dayOf, instancesOf } from './rule-periods.ts';
import type { Work } from './work.ts';

export type RecurrenceRequest = {
  /** `from <= at < to`. */
  readonly from: number;
  readonly to: number;
  /** True for times after UNTIL. */
  readonly isPast?: (at: number) => boolean;
  /** How many instances COUNT includes besides those of the rule: a DTSTART that the rule does not name. */
  readonly counted?: number;
  readonly work: Work;
};

/** The rule's instances, ascending. DTSTART is one only if it matches the rule. */
export function* recurrenceInstances(
  rule: RecurrenceRule,
  dtstart: number,
  { from, to, isPast = () => false, counted = 0, work }: RecurrenceRequest,
): Generator<number, void, undefined> {
  const series = createSeries(rule, dtstart);
  const { count = Infinity } = rule;
  const begin = Math.max(dtstart, from);
  const first = Math.max(0, series.periodOf(dayOf(begin)));
  let number = counted;
  // All instances of the first period count, also those before the range.
  let listed = begin;
  if (count !== Infinity) {
    const { countUntil } = series.times;
    if (countUntil !== undefined && allowsEveryDay(rule)) number += countUntil(begin);
    else {
      number += countBefore(series, first, work);
      listed = dtstart;
    }
  }
  for (let period = first; number < count; period += 1) {
    const start = series.startOf(period);
    // Not a number where the date is out of range.
    if (!(start * DAY_MS < to)) return;
    for (const at of instancesOf(series, period, listed, to, work)) {
      work.spend(1);
      if (at < listed) continue;
      if (at >= to || isPast(at)) return;
      number += 1;
      if (number > count) return;
      if (at >= from) yield at;
    }
  }
}

/** True when the rule itself, whatever its COUNT and UNTIL are, has the instance. */
export function isInstance(rule: RecurrenceRule, dtstart: number, at: number, work: Work): boolean {
  const endless = { ...rule, count: undefined };
  const request = { from: at, to: at + 1, work };
  return recurrenceInstances(endless, dtstart, request).next().done !== true;
}

// The time zone that a VTIMEZONE defines (RFC 5545, 3.6.5): a list of the instants when its offset changes.
import { EntryError } from '../entry-problem.ts';
import { DAY_MS } from './calendar-days.ts';
import { linesOf, lineOf, type Component } from './components.ts';
import { readDateTime, readProperty, type Property } from './property-values.ts';
import { isInstance, recurrenceInstances } from './recurrence.ts';
import { readRecurrenceRule, type RecurrenceRule } from './recurrence-rule.ts';
import { pastUntil } from './until.ts';
import { createTimeZone, type TimeZone } from './time-zone.ts';
import type { Work } from './work.ts';

type Observance = {
  readonly start: number;
  readonly from: number;
  readonly to: number;
  readonly rules: readonly RecurrenceRule[];
  /** RDATE. */
  readonly dates: readonly number[];
};

/** From an instant on, the offset is `to`. */
type Onset = { readonly at: number; readonly from: number; readonly to: number };

const MAX_OBSERVANCES = 500;
const MAX_DATES = 5_000;
const MAX_ONSETS = 20_000;
/** Onsets of endless rules are listed from here on, and from the beginning only for older dates. */
const USUAL_FROM = Date.UTC(1968, 0, 1);
const USUAL_SPAN = Date.UTC(2000, 0, 1) - Date.UTC(1970, 0, 1);
/** Later dates are those of 400 years before, in the same calendar: no zone is known so far ahead. */
const LAST_LISTED = Date.UTC(2400, 0, 1);
const CYCLE = 146_097 * DAY_MS;

/**
 * Only yearly rules are accepted, so that listing their onsets is bounded. The zone itself throws an EntryError when
 * its onsets are too many.
 *
 * @param newWork the work of one listing
 * @throws Error when it is invalid
 */
export function createDefinedZone(component: Component, newWork: () => Work): TimeZone {
  const parts = component.children.filter(({ name }) => name === 'STANDARD' || name === 'DAYLIGHT');
  if (parts.length === 0) throw new Error('has no STANDARD and no DAYLIGHT');
  if (parts.length > MAX_OBSERVANCES) throw new Error('has too many observances');
  const observances = parts.map(readObservance);
  let range = { from: Infinity, to: -Infinity };
  let onsets: readonly Onset[] = [];

  const offsetAt = (at: number): number => {
    const instant = at < LAST_LISTED ? at : LAST_LISTED + ((at - LAST_LISTED) % CYCLE);
    if (instant < range.from || instant >= range.to) {
      const from = instant < USUAL_FROM ? -Infinity : USUAL_FROM;
      range = { from, to: Math.max(range.to, instant) + USUAL_SPAN };
      onsets = listOnsets(observances, range, newWork());
    }
    return offsetIn(onsets, instant);
  };
  return createTimeZone(offsetAt);
}

function readObservance(part: Component): Observance {
  const start = lineOf(part, 'DTSTART');
  if (start === undefined) throw new Error('has an observance without DTSTART');
  const dates = linesOf(part, 'RDATE').map(readProperty);
  const listed = dates.flatMap((property) =>
    property.value.split(',').map((value) => onsetTime(property, value.split('/')[0] ?? '')),
  );
  if (listed.length > MAX_DATES) throw new Error(`lists more than ${MAX_DATES} dates`);
  const rules = linesOf(part, 'RRULE').map(readRecurrenceRule);
  if (rules.some(({ freq }) => freq !== 'YEARLY')) throw new Error('has a rule that is not yearly');
  const [from, to] = [offsetOf(part, 'TZOFFSETFROM'), offsetOf(part, 'TZOFFSETTO')];
  const utc = ({ local, form }: OnsetTime): number => (form === 'utc' ? local + from : local);
  return { start: utc(onsetTime(readProperty(start))), from, to, rules, dates: listed.map(utc) };
}

type OnsetTime = { readonly local: number; readonly form: string };

/** Some programs begin a zone in the year 1, before the Gregorian calendar; its rule counts. */
function onsetTime(property: Property, text = property.value): OnsetTime {
  return readDateTime(property, text.trim().replace(/^0\d{3}/, '1600'));
}

function offsetOf(part: Component, name: string): number {
  const value = lineOf(part, name)?.text.split(':').at(-1)?.trim() ?? '';
  const match = /^([+-])(0\d|1\d|2[0-3])([0-5]\d)([0-5]\d)?$/.exec(value);
  if (match === null) throw new Error(`has a ${name} that is not an offset`);
  const [, sign, hours, minutes, seconds = 0] = match;
  const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  return sign === '-' ? -ms : ms;
}

function listOnsets(
  observances: readonly Observance[],
  range: { readonly from: number; readonly to: number },
  work: Work,
): readonly Onset[] {
  const onsets = new Map<string, Onset>();
  for (const { start, from, to, rules, dates } of observances) {
    const add = (local: number): void => {
      const onset = { at: local - from, from, to };
      onsets.set(`${onset.at} ${to}`, onset);
      if (onsets.size <= MAX_ONSETS) return;
      throw new EntryError(
        'invalid_zone',
        `is in a zone with more than ${MAX_ONSETS} clock changes`,
      );
    };
    for (const local of [start, ...dates]) add(local);
    for (const rule of rules) {
      const counted = isInstance(rule, start, start, work) ? 0 : 1;
      const isPast = pastUntil(rule.until, (local) => local - from);
      // A rule that ends may have its last onset before the range, and it counts there.
      const ends = rule.until !== undefined || rule.count !== undefined || rule.interval > 1;
      const begin = ends ? start : Math.max(start, range.from);
      const request = { from: begin, to: range.to, isPast, counted, work };
      for (const local of recurrenceInstances(rule, start, request)) add(local);
    }
  }
  return [...onsets.values()].sort((a, b) => a.at - b.at);
}

/** Before the first onset, the offset is the one that it changes from (RFC 5545, 3.8.3.4). */
function offsetIn(onsets: readonly Onset[], instant: number): number {
  let [low, high] = [0, onsets.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((onsets[middle]?.at ?? Infinity) <= instant) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? (onsets[0]?.from ?? 0) : (onsets[low - 1]?.to ?? 0);
}

// Compares recurrence rules with an independent library, and tests the cases that the library lacks.
import fc from 'fast-check';
import ICAL from 'ical.js';
import { describe, expect, test } from 'vitest';
import rrule from 'rrule';
import { recurrenceInstances } from '../../src/schedule/tasks/ical/recurrence.ts';
import { createFileWork } from '../../src/schedule/tasks/ical/work.ts';
import { readRecurrenceRule } from '../../src/schedule/tasks/ical/recurrence-rule.ts';

const DAY = 24 * 60 * 60_000;

const ruleOf = (text: string) =>
  readRecurrenceRule({ line: 1, name: 'RRULE', text: `RRULE:${text}` });

const icalTime = (at: number): string => new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '');

function ours(text: string, dtstart: number, from: number, to: number): string[] {
  const work = createFileWork().entry();
  return [...recurrenceInstances(ruleOf(text), dtstart, { from, to, work })].map(icalTime);
}

function theirs(text: string, dtstart: number, from: number, to: number): string[] {
  const rule = rrule.rrulestr(`DTSTART:${icalTime(dtstart)}\nRRULE:${text}`);
  return rule
    .between(new Date(from), new Date(to - 1), true)
    .map((date) => icalTime(date.getTime()));
}

// Sorted, because the library keeps the listed order of the times of a day.
const list = (min: number, max: number, size = 3) =>
  fc
    .uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: size })
    .map((values) => values.sort((a, b) => a - b));
const signed = (max: number) =>
  fc.uniqueArray(
    fc.integer({ min: -max, max }).filter((n) => n !== 0),
    { minLength: 1, maxLength: 3 },
  );
const weekdays = fc.uniqueArray(fc.constantFrom('MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'), {
  minLength: 1,
  maxLength: 3,
});
const nthWeekdays = fc.uniqueArray(
  fc
    .tuple(fc.constantFrom('1', '2', '3', '4', '5', '-1', '-2'), fc.constantFrom('MO', 'WE', 'SU'))
    .map(([n, day]) => `${n}${day}`),
  { minLength: 1, maxLength: 2 },
);
const optional = <T>(key: string, arbitrary: fc.Arbitrary<readonly T[]>) =>
  fc.option(
    arbitrary.map((values) => `${key}=${values.join(',')}`),
    { nil: undefined, freq: 3 },
  );

// Each rule recurs, because the library searches the next occurrence until the year 9999.
const parts = (freq: string) => {
  const isLong = freq === 'MONTHLY' || freq === 'YEARLY';
  const byDay = optional('BYDAY', isLong ? fc.oneof(weekdays, nthWeekdays) : weekdays);
  const byMonthDay = optional('BYMONTHDAY', signed(28));
  return fc
    .tuple(
      fc.constant(`FREQ=${freq}`),
      fc.oneof(
        fc.tuple(fc.constant('INTERVAL=1'), optional('BYMONTH', list(1, 12))),
        fc.integer({ min: 2, max: 4 }).map((n) => [`INTERVAL=${n}`]),
      ),
      fc.option(
        fc.integer({ min: 1, max: 40 }).map((n) => `COUNT=${n}`),
        { nil: undefined },
      ),
      freq === 'WEEKLY' ? byDay : fc.oneof(byDay, byMonthDay),
      optional('BYHOUR', list(0, 23)),
      optional('BYMINUTE', list(0, 59)),
      fc.constantFrom('WKST=MO', 'WKST=SU', undefined),
    )
    .map((all) =>
      all
        .flat()
        .filter((part) => part !== undefined)
        .join(';'),
    );
};

const aStart = fc
  .integer({ min: Date.UTC(2019, 0, 1) / 60_000, max: Date.UTC(2026, 0, 1) / 60_000 })
  .map((minutes) => minutes * 60_000);

describe('a recurrence rule', () => {
  test.each(['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'])(
    'recurs as an independent library says: %s',
    (freq) => {
      fc.assert(
        fc.property(parts(freq), aStart, (text, dtstart) => {
          const from = Date.UTC(2026, 0, 1);
          const to = from + 500 * DAY;
          expect({ text, found: ours(text, dtstart, from, to) }).toEqual({
            text,
            found: theirs(text, dtstart, from, to),
          });
        }),
        { numRuns: 150 },
      );
    },
  );

  test('recurs within the day as another library says', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('HOURLY', 'MINUTELY'),
        fc.integer({ min: 1, max: 200 }),
        (freq, interval) => {
          const text = `FREQ=${freq};INTERVAL=${interval}`;
          const dtstart = Date.UTC(2026, 0, 1, 9, 30);
          const to = dtstart + 3 * DAY;
          const found = ours(text, dtstart, dtstart, to);
          const iterator = ICAL.Recur.fromString(text).iterator(
            ICAL.Time.fromDateTimeString('2026-01-01T09:30:00'),
          );
          const expected = found.map(() => icalTime(Date.parse(`${String(iterator.next())}Z`)));
          expect({ text, found }).toEqual({ text, found: expected });
          const after = String(iterator.next());
          expect(Date.parse(`${after}Z`)).toBeGreaterThanOrEqual(to);
        },
      ),
      { numRuns: 40 },
    );
  });

  test.each([
    ['FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1', ['20260130T090000Z', '20260227T090000Z']],
    ['FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO', []],
    ['FREQ=YEARLY;BYYEARDAY=-1,32', ['20260201T090000Z']],
    ['FREQ=WEEKLY;BYDAY=MO,FR;BYSETPOS=1;COUNT=2', ['20260105T090000Z', '20260112T090000Z']],
  ])('knows %s', (text, expected) => {
    const dtstart = Date.UTC(2026, 0, 1, 9);
    expect(ours(text, dtstart, dtstart, Date.UTC(2026, 2, 1))).toEqual(expected);
  });

  test.each([
    'FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30',
    'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30',
    'FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30',
    'FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=1',
    'FREQ=MINUTELY;INTERVAL=999999;COUNT=5',
  ])('costs no more than its days when it hardly ever recurs: %s', (text) => {
    const from = Date.UTC(2026, 0, 1);
    expect(ours(text, Date.UTC(1970, 0, 1), from, from + 15 * DAY)).toEqual([]);
  });

  test.each([
    ['FREQ=SECONDLY;COUNT=1767225603', 3],
    ['FREQ=SECONDLY;INTERVAL=7;COUNT=252460801', 1],
    ['FREQ=MINUTELY;BYSECOND=0,30;COUNT=58907522', 2],
    ['FREQ=DAILY;BYHOUR=0,12;COUNT=40909', 1],
    ['FREQ=WEEKLY;BYDAY=TH,FR;COUNT=5845', 1],
  ])('with a COUNT ends exactly, however many instances come before: %s', (text, left) => {
    // So many seconds, minutes, half days and Thursdays are between these instants.
    const from = Date.UTC(2026, 0, 1);
    expect(ours(text, 0, from, from + 30 * DAY)).toHaveLength(left);
  });

  test.each([
    'FREQ=FORTNIGHTLY',
    'INTERVAL=2',
    'FREQ=DAILY;INTERVAL=0',
    'FREQ=DAILY;BYHOUR=25',
    'FREQ=DAILY;UNTIL=tomorrow',
    'FREQ=WEEKLY;BYDAY=XX',
    'FREQ=DAILY;RSCALE=CHINESE',
    'FREQ=DAILY;COUNT=-1',
  ])('is refused when it is none: %s', (text) => {
    expect(() => ruleOf(text)).toThrow(/RRULE/);
  });
});

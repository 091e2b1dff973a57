// Compares 2,000 generated series with independent implementations, and lists where one of them differs by itself.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readCalendar } from '../../src/schedule/tasks/ical/calendar.ts';
import { RRuleTemporal } from 'rrule-temporal';
import { byId, expectedSeries } from '../support/calendars/expected-series.ts';
import { aSeries } from '../support/calendars/generate-series.ts';
import { LONG_PROOF_MS } from '../support/timeouts.ts';

const SERIES = 2_000;
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_130);

test(
  `${SERIES} generated series recur as independent implementations say`,
  () => {
    const differences: object[] = [];
    for (const series of fc.sample(aSeries, { seed, numRuns: SERIES })) {
      const { text, now, rows } = expectedSeries(series);
      const options = { user: '1', timeZone: 'UTC', urgencyLeadMs: 0 };
      const read = readCalendar('a.ics', text, now, options);
      const found = read.blocks
        .map(({ blockId, startAt, endAt }) => ({ id: blockId, startAt, endAt }))
        .sort(byId);
      if (
        JSON.stringify({ found, problems: read.problems }) !==
        JSON.stringify({ found: rows, problems: [] })
      ) {
        differences.push({ text, now, found, rows, problems: read.problems });
      }
    }
    expect(differences).toEqual([]);
  },
  LONG_PROOF_MS,
);

/** Where rrule-temporal, asked for a whole series, differs, and why the reader keeps its answer. */
const EXPLAINED = [
  {
    why: 'DTSTART is the first occurrence and counts, whatever the rule says (RFC 5545, 3.8.5.3 and 3.3.10)',
    start: '20260408T090000',
    rule: 'FREQ=WEEKLY;BYDAY=FR;COUNT=3',
    ours: ['04-08T07:00', '04-10T07:00', '04-17T07:00'],
    theirs: ['04-10T07:00', '04-17T07:00'],
  },
  {
    why: 'a time that the clock skips has the offset before the change (RFC 5545, 3.3.5); 3.3.10 would leave it out',
    start: '20260327T023000',
    rule: 'FREQ=DAILY;COUNT=4',
    ours: ['03-27T01:30', '03-28T01:30', '03-29T01:30', '03-30T00:30'],
    theirs: ['03-27T01:30', '03-28T01:30', '03-30T00:30', '03-31T00:30'],
  },
  {
    why: 'a rule within the day counts local times, also those that the clock skips (RFC 5545, 3.3.5)',
    start: '20260328T233000',
    rule: 'FREQ=MINUTELY;INTERVAL=90;COUNT=4',
    ours: ['03-28T22:30', '03-29T00:00', '03-29T01:30', '03-29T02:00'],
    theirs: ['03-28T22:30', '03-29T00:00', '03-29T01:30', '03-29T03:00'],
  },
] as const;

test.each(EXPLAINED)('differs from a library because $why', ({ start, rule, ours, theirs }) => {
  const zone = 'Europe/Berlin';
  const lines = ['UID:1', `DTSTART;TZID=${zone}:${start}`, `RRULE:${rule}`];
  const text = ['BEGIN:VCALENDAR', 'BEGIN:VEVENT', ...lines, 'END:VEVENT', 'END:VCALENDAR'];
  const now = Date.UTC(2026, Number(start.slice(4, 6)) - 1, Number(start.slice(6, 8)) + 5);
  const options = { user: '1', timeZone: 'UTC', urgencyLeadMs: 0 };
  const { blocks } = readCalendar('a.ics', text.join('\r\n'), now, options);
  const short = (at: number): string => new Date(at).toISOString().slice(5, 16);
  expect(blocks.map(({ startAt }) => short(startAt))).toEqual(ours);
  const rruleString = `DTSTART;TZID=${zone}:${start}\nRRULE:${rule}`;
  const week = 7 * 24 * 60 * 60_000;
  const found = new RRuleTemporal({ rruleString })
    .between(new Date(now - week), new Date(now + week), true)
    .map(({ epochMilliseconds }) => short(epochMilliseconds));
  expect(found).toEqual(theirs);
});

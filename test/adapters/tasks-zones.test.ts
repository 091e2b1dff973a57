// Compares time zones, and series in them, with independent libraries.
import { Temporal } from '@js-temporal/polyfill';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import rrule from 'rrule';
import { readCalendar } from '../../src/schedule/tasks/ical/calendar.ts';
import { namedTimeZone } from '../../src/schedule/tasks/ical/named-zone.ts';
import { AHEAD_MS, BEHIND_MS } from '../../src/schedule/tasks/ical/rows.ts';

const DAY = 24 * 60 * 60_000;

const ZONES = [
  'Europe/Berlin',
  'Europe/Dublin',
  'America/New_York',
  'America/St_Johns',
  'America/Argentina/Buenos_Aires',
  'Asia/Shanghai',
  'Asia/Kathmandu',
  'Africa/Casablanca',
  'Australia/Lord_Howe',
  'Pacific/Chatham',
  'Pacific/Apia',
] as const;

/** The instant of a wall clock, as another library knows it. */
function temporal(local: number, timeZone: string): number {
  const text = new Date(local).toISOString().slice(0, -1);
  return Temporal.PlainDateTime.from(text).toZonedDateTime(timeZone).epochMilliseconds;
}

const icalTime = (at: number): string => new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '');

/** Every quarter of an hour of a year has its turn; changes of the clock are where it matters. */
const aWallClock = fc
  .integer({ min: Date.UTC(1995, 0, 1) / 900_000, max: Date.UTC(2037, 0, 1) / 900_000 })
  .map((quarters) => quarters * 900_000);

describe('resolveLocal', () => {
  test('gives the same instant as another library', () => {
    fc.assert(
      fc.property(aWallClock, fc.constantFrom(...ZONES), (local, zone) => {
        expect(namedTimeZone(zone)?.toInstant(local)).toBe(temporal(local, zone));
      }),
      { numRuns: 500 },
    );
  });

  test.each(ZONES)(
    'gives the same instants as another library on the days when the clock of %s changes',
    (zone) => {
      // Around every change of three years: the hours that come twice, and those that are left out.
      for (const year of [2016, 2021, 2026]) {
        let at = Temporal.Instant.fromEpochMilliseconds(Date.UTC(year, 0, 1)).toZonedDateTimeISO(
          zone,
        );
        for (let change = 0; change < 8; change += 1) {
          const next = at.getTimeZoneTransition('next');
          if (next === null || next.year > year) break;
          at = next;
          const wall = Date.parse(`${at.toPlainDateTime().toString().slice(0, 16)}Z`);
          for (let local = wall - DAY / 6; local < wall + DAY / 6; local += 900_000) {
            expect(namedTimeZone(zone)?.toInstant(local)).toBe(temporal(local, zone));
          }
        }
      }
    },
  );
});

/** New York's rules, under a name that nobody knows. */
const HOME_MADE = [
  'BEGIN:VTIMEZONE',
  'TZID:Home made',
  'BEGIN:DAYLIGHT',
  'DTSTART:20070311T020000',
  'RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU',
  'TZOFFSETFROM:-0500',
  'TZOFFSETTO:-0400',
  'END:DAYLIGHT',
  'BEGIN:STANDARD',
  'DTSTART:20071104T020000',
  'RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU',
  'TZOFFSETFROM:-0400',
  'TZOFFSETTO:-0500',
  'END:STANDARD',
  'END:VTIMEZONE',
];

test('a zone of a file has the same clock changes as in another library', () => {
  for (const [month, day] of [
    [2, 8],
    [10, 1],
    [6, 4],
  ] as const) {
    for (let quarter = 0; quarter < 96; quarter += 1) {
      const local = Date.UTC(2026, month, day) + quarter * 900_000;
      const at = temporal(local, 'America/New_York');
      const start = `DTSTART;TZID=Home made:${icalTime(local).slice(0, -1)}`;
      const event = ['BEGIN:VEVENT', 'UID:e', start, 'END:VEVENT'];
      const text = ['BEGIN:VCALENDAR', ...HOME_MADE, ...event, 'END:VCALENDAR'].join('\r\n');
      const options = { user: '1', timeZone: 'UTC', urgencyLeadMs: 0 };
      expect(readCalendar('a.ics', text, at, options).blocks[0]?.startAt).toBe(at);
    }
  }
});

const aRule = fc
  .tuple(
    fc.constantFrom('DAILY', 'WEEKLY', 'MONTHLY'),
    fc.integer({ min: 1, max: 3 }),
    fc.constantFrom('', ';BYDAY=MO,TH', ';BYDAY=SU', ';BYHOUR=2', ';BYHOUR=1,3,12'),
  )
  .map(([freq, interval, rest]) => `FREQ=${freq};INTERVAL=${interval}${rest}`);

test('a series in a zone recurs at the same instants as in other libraries', () => {
  fc.assert(
    fc.property(
      aWallClock,
      aRule,
      fc.constantFrom(...ZONES),
      fc.nat(400),
      (local, rule, zone, n) => {
        const now = local + n * DAY;
        const lines = [
          'UID:e',
          `DTSTART;TZID=${zone}:${icalTime(local).slice(0, -1)}`,
          `RRULE:${rule}`,
        ];
        const text = ['BEGIN:VEVENT', ...lines, 'DURATION:PT30M', 'END:VEVENT'].join('\r\n');
        const calendar = `BEGIN:VCALENDAR\r\n${text}\r\nEND:VCALENDAR\r\n`;
        const options = { user: '1', timeZone: 'UTC', urgencyLeadMs: 0 };
        const { blocks, problems } = readCalendar('a.ics', calendar, now, options);
        expect(problems).toEqual([]);
        const walls = rrule
          .rrulestr(`DTSTART:${icalTime(local)}\nRRULE:${rule}`)
          .between(new Date(now - BEHIND_MS - DAY), new Date(now + AHEAD_MS + DAY), true);
        // Two wall clocks can be one instant, where an hour is left out.
        const instants = walls.map((wall) => temporal(wall.getTime(), zone));
        // DTSTART counts also where its rule does not name it.
        const expected = new Set([temporal(local, zone), ...instants]);
        const inSpan = [...expected].filter((at) => at >= now - BEHIND_MS && at < now + AHEAD_MS);
        expect(blocks.map(({ startAt }) => startAt)).toEqual(inSpan.sort((a, b) => a - b));
      },
    ),
    { numRuns: 150 },
  );
});

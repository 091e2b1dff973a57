// Calendars that other readers get wrong, each with the source of its right value.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { WINDOWS_TO_IANA_MAP } from 'windows-iana';
import { readCalendar, readCalendarEntries } from '../../src/schedule/tasks/ical/calendar.ts';
import { namedTimeZone } from '../../src/schedule/tasks/ical/named-zone.ts';
import { rowsOf } from '../../src/schedule/tasks/ical/rows.ts';

const fileOf = (name: string): Buffer =>
  readFileSync(new URL(`../data/calendars/${name}.ics`, import.meta.url));
const options = { user: '1', timeZone: 'Europe/Berlin', urgencyLeadMs: 0 };
const read = (text: string | Buffer, day: string) =>
  readCalendar('a.ics', text, Date.parse(`${day}T00:00:00Z`), options);
const iso = (at = NaN): string => new Date(at).toISOString().slice(0, 16);
const calendar = (...lines: string[]): string =>
  ['BEGIN:VCALENDAR', ...lines, 'END:VCALENDAR'].join('\r\n');
const event = (...lines: string[]): string[] => ['BEGIN:VEVENT', 'UID:e', ...lines, 'END:VEVENT'];
const startsOf = (text: string | Buffer, day: string): string[] =>
  read(text, day)
    .blocks.map(({ startAt }) => iso(startAt))
    .sort();

describe('a series', () => {
  // RFC 5545, 3.8.4.4: the override replaces its occurrence. One that blocks no time leaves none.
  test.each(['cancelled-occurrence', 'transparent-occurrence'])(
    'loses the occurrence that its override hides: %s',
    (name) => {
      expect(startsOf(fileOf(name), '2026-04-13')).toEqual([
        '2026-04-06T09:00',
        '2026-04-20T09:00',
      ]);
    },
  );

  test('loses the occurrence that lasts the whole day by its override', () => {
    const text = calendar(
      ...event('DTSTART:20260406T090000Z', 'RRULE:FREQ=DAILY;COUNT=3'),
      ...event('RECURRENCE-ID:20260407T090000Z', 'DTSTART;VALUE=DATE:20260407'),
    );
    expect(startsOf(text, '2026-04-07')).toEqual(['2026-04-06T09:00', '2026-04-08T09:00']);
  });

  // RFC 5546, 3.2.5: METHOD:CANCEL calls off, in a calendar of its own.
  test('loses the occurrence that another calendar cancels', () => {
    const cancel = [
      'METHOD:CANCEL',
      ...event('RECURRENCE-ID:20260407T090000Z', 'SEQUENCE:1', 'DTSTART:20260407T090000Z'),
    ];
    const series = calendar(...event('DTSTART:20260406T090000Z', 'RRULE:FREQ=DAILY;COUNT=3'));
    expect(startsOf(`${calendar(...cancel)}\r\n${series}`, '2026-04-07')).toEqual([
      '2026-04-06T09:00',
      '2026-04-08T09:00',
    ]);
  });

  // RFC 5545, 3.2.13.
  test('moves its later occurrences with RANGE=THISANDFUTURE', () => {
    const text = calendar(
      ...event('DTSTART:20260406T090000Z', 'RRULE:FREQ=DAILY;COUNT=4'),
      ...event('RECURRENCE-ID;RANGE=THISANDFUTURE:20260408T090000Z', 'DTSTART:20260408T103000Z'),
    );
    expect(startsOf(text, '2026-04-07')).toEqual(
      ['06T09:00', '07T09:00', '08T10:30', '09T10:30'].map((time) => `2026-04-${time}`),
    );
  });

  // RFC 5545, 3.8.5.1: EXDATE may be a DATE, which names the whole day.
  test('loses the day that an EXDATE names as a date', () => {
    expect(startsOf(fileOf('bare-date-and-exdate'), '2026-12-02')).toEqual([
      '2026-12-01T09:00',
      '2026-12-03T09:00',
    ]);
  });

  // RFC 5545, 3.8.5.2 and 3.3.9.
  test('has the end of each RDATE of type PERIOD', () => {
    const { blocks } = read(fileOf('rdate-period'), '2026-04-11');
    expect(blocks.map(({ startAt, endAt }) => [iso(startAt), iso(endAt)])).toEqual([
      ['2026-04-10T09:00', '2026-04-10T10:00'],
      ['2026-04-11T09:00', '2026-04-11T12:00'],
      ['2026-04-12T09:00', '2026-04-12T09:30'],
    ]);
  });

  // RFC 2445, 4.8.5.2.
  test('loses what its EXRULE names', () => {
    expect(startsOf(fileOf('exrule'), '2026-04-08')).toEqual(
      ['07', '09', '11'].map((day) => `2026-04-${day}T09:00`),
    );
  });

  // RFC 5545, 3.8.5.3 and, for COUNT, 3.3.10.
  test('begins with its DTSTART, which its COUNT includes', () => {
    const days = ['08', '10', '17'].map((day) => `2026-04-${day}T09:00`);
    expect(startsOf(fileOf('dtstart-off-rule'), '2026-04-12')).toEqual(days);
  });
});

describe('a revision', () => {
  const revision = (hour: string, ...lines: string[]): string =>
    calendar(...event(`DTSTART:20260410T${hour}0000Z`, ...lines));

  // RFC 5546, 2.1.5.
  test('counts by its SEQUENCE, wherever it stands in the file', () => {
    const { blocks, counts } = read(fileOf('sequence-order'), '2026-04-10');
    expect(blocks.map(({ title, startAt }) => [title, iso(startAt)])).toEqual([
      ['new', '2026-04-10T15:00'],
    ]);
    expect(counts).toEqual({ imported: 1, ignored: 1, failed: 0 });
  });

  test.each([
    ['DTSTAMP', ['DTSTAMP:20260102T000000Z'], ['DTSTAMP:20260101T000000Z']],
    ['LAST-MODIFIED', ['LAST-MODIFIED:20260102T000000Z'], ['LAST-MODIFIED:20260101T000000Z']],
    ['SEQUENCE before DTSTAMP', ['SEQUENCE:10'], ['SEQUENCE:9', 'DTSTAMP:20260103T000000Z']],
  ])('counts by its %s, in the order of two files or the other', (_what, newer, older) => {
    const entries = (file: string, text: string) =>
      finish(readCalendarEntries(file, Buffer.from(text), options)).entries;
    const two = [
      entries('a.ics', revision('15', ...newer)),
      entries('b.ics', revision('09', ...older)),
    ];
    for (const order of [two, two.toReversed()]) {
      const { blocks } = finish(rowsOf(order.flat(), Date.UTC(2026, 3, 10)));
      expect(blocks.map(({ startAt }) => iso(startAt))).toEqual(['2026-04-10T15:00']);
    }
  });
});

function finish<T>(steps: Generator<undefined, T, undefined>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

describe('a zone', () => {
  // RFC 5545, 3.2.19: TZID names the VTIMEZONE of the file. 12:00 in London, New York and Halifax in summer.
  test('is that of the file for an abbreviation', () => {
    expect(startsOf(fileOf('zone-abbreviation'), '2026-07-06')).toEqual(
      ['11', '15', '16'].map((hour) => `2026-07-06T${hour}:00`),
    );
  });

  test('is unknown by an abbreviation that only ICU knows', () => {
    const text = calendar(...event('DTSTART;TZID=BST:20260706T120000'));
    expect(read(text, '2026-07-06').problems[0]?.message).toContain('unknown time zone "BST"');
  });

  // RFC 5545, 3.3.11: the property has escapes, the parameter has none. 12:00 in Berlin in summer.
  test.each([
    ['TZID="(UTC+01:00) Amsterdam, Berlin, Bern"'],
    ['TZID=(UTC+01:00) Amsterdam\\, Berlin\\, Bern'],
    ['TZID="(UTC+01:00) Amsterdam\\, Berlin\\, Bern"'],
  ])('has a name with commas and a colon: %s', (written) => {
    const text = fileOf('zone-comma')
      .toString('utf8')
      .replace(/TZID="[^"]*"/, () => written);
    expect(startsOf(text, '2026-07-06')).toEqual(['2026-07-06T10:00']);
  });

  // RFC 5545, 3.8.5.2 (RDATE adds to DTSTART) and, before the first onset, 3.8.3.4 (TZOFFSETFROM).
  test.each([
    ['2026-01-10', '2026-01-10T11:00'],
    ['2026-07-06', '2026-07-06T10:00'],
    ['2026-12-01', '2026-12-01T11:00'],
    ['2027-07-06', '2027-07-06T10:00'],
  ])('has the onsets of DTSTART and of RDATE: %s', (day, expected) => {
    expect(startsOf(fileOf('zone-rdate'), day)[0]).toBe(expected);
  });

  // The zone data of IANA: Dublin's standard time is IST, and its daylight offset in winter is negative.
  test('may have a negative daylight saving', () => {
    const observance = (name: string, from: string, to: string, month: number) => [
      `BEGIN:${name}`,
      `DTSTART:19810101T010000`,
      `RRULE:FREQ=YEARLY;BYMONTH=${month};BYDAY=-1SU`,
      `TZOFFSETFROM:${from}`,
      `TZOFFSETTO:${to}`,
      `END:${name}`,
    ];
    const zone = [
      'BEGIN:VTIMEZONE',
      'TZID:Irish',
      ...observance('STANDARD', '+0000', '+0100', 3),
      ...observance('DAYLIGHT', '+0100', '+0000', 10),
      'END:VTIMEZONE',
    ];
    const at = (day: string) => event(`DTSTART;TZID=Irish:${day}T120000`);
    expect(startsOf(calendar(...zone, ...at('20260706')), '2026-07-06')).toEqual([
      '2026-07-06T11:00',
    ]);
    expect(startsOf(calendar(...zone, ...at('20260106')), '2026-01-06')).toEqual([
      '2026-01-06T12:00',
    ]);
  });

  // windowsZones.xml of the Unicode CLDR.
  test('is known by each Windows name, with a prefix and without', () => {
    const world = WINDOWS_TO_IANA_MAP.filter(({ territory }) => territory === '001');
    expect(world.length).toBeGreaterThanOrEqual(139);
    const local = Date.UTC(2026, 6, 6, 12);
    for (const { windowsName, iana } of world) {
      const expected = namedTimeZone(iana[0])?.toInstant(local);
      expect(expected).toBeTypeOf('number');
      for (const name of [
        windowsName,
        `tzone://Microsoft/${windowsName}`,
        `/vendor.org/1_0/${windowsName}`,
      ]) {
        expect({ name, at: namedTimeZone(name)?.toInstant(local) }).toEqual({ name, at: expected });
      }
    }
  });
});

describe('a date', () => {
  // RFC 5545, 3.8.2.3 with 3.3.4: the day ends when the next one begins, 23 hours later.
  test('is due at the end of a day of 23 hours', () => {
    const { tasks } = read(fileOf('due-on-dst-day'), '2026-03-28');
    expect(tasks.map(({ deadlineAt }) => iso(deadlineAt)).sort()).toEqual([
      '2026-03-22T23:00',
      '2026-03-29T22:00',
      '2026-03-29T22:00',
      '2026-03-29T22:00',
      '2026-04-05T22:00',
      '2026-04-05T22:00',
    ]);
  });

  // RFC 5545, 3.3.4: eight digits are a date; readers accept them without VALUE=DATE.
  test('is one without VALUE=DATE, too', () => {
    const [task] = read(fileOf('bare-date-and-exdate'), '2026-12-02').tasks;
    expect(iso(task?.deadlineAt)).toBe('2026-12-05T23:00');
  });

  // RFC 5545, 3.3.6: days are nominal, hours are exact.
  test.each([
    ['DURATION:P1D', '2026-03-29T07:00'],
    ['DURATION:PT24H', '2026-03-29T08:00'],
    ['DURATION:P1DT1H', '2026-03-29T08:00'],
  ])('after %s over a clock change is %s', (duration, expected) => {
    const text = calendar(...event('DTSTART;TZID=Europe/Berlin:20260328T090000', duration));
    expect(iso(read(text, '2026-03-28').blocks[0]?.endAt)).toBe(expected);
  });

  // RFC 5545, 3.1.
  test('and all text may be folded within a character', () => {
    const bytes = Buffer.from(calendar(...event('DTSTART:20260406T090000Z', 'SUMMARY:Café')));
    const at = bytes.indexOf(0xc3) + 1;
    const folded = Buffer.concat([bytes.subarray(0, at), Buffer.from('\r\n '), bytes.subarray(at)]);
    expect(read(folded, '2026-04-06').blocks[0]?.title).toBe('Café');
  });
});

describe('a hostile or broken file', () => {
  test.each([
    ['a page of a web server', fileOf('not-a-calendar')],
    ['an empty file', ''],
    ['a file of spaces', ' \r\n '],
    ['bytes', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0])],
  ])('is no calendar: %s', (_what, text) => {
    expect(read(text, '2026-04-06')).toMatchObject({
      problems: [{ file: 'a.ics', code: 'not_a_calendar' }],
      counts: { failed: 1 },
    });
  });

  const daily = (n: number) => [
    'BEGIN:VEVENT',
    `UID:e${n}`,
    'DTSTART:19700101T000000Z',
    'RRULE:FREQ=DAILY;COUNT=99999',
    'END:VEVENT',
  ];

  test('costs what lies in the window', () => {
    const many = calendar(...Array.from({ length: 100 }, (_, n) => daily(n)).flat());
    expect(read(many, '2026-04-06').blocks).toHaveLength(1_500);
    const { problems } = read(fileOf('cpu-secondly-customzone'), '2026-04-06');
    expect(problems.map(({ code }) => code)).toEqual(Array(5).fill('recurs_too_often'));
  });

  test('has a limit of work, and entries beyond it are named', () => {
    const costly = (n: number) =>
      event(
        `DTSTART:16010101T0000${String(n % 60).padStart(2, '0')}Z`,
        'RRULE:FREQ=SECONDLY;INTERVAL=7;BYSECOND=59;COUNT=999999999',
      ).map((line) => (line === 'UID:e' ? `UID:${n}` : line));
    const { problems } = read(
      calendar(...Array.from({ length: 500 }, (_, n) => costly(n)).flat()),
      '2026-04-06',
    );
    expect(new Set(problems.map(({ code }) => code))).toEqual(
      new Set(['recurrence_too_long', 'file_too_costly']),
    );
  });

  test('has a limit of components', () => {
    const codes = read(
      calendar('BEGIN:VJOURNAL\nEND:VJOURNAL\n'.repeat(510_000)),
      '2026-04-06',
    ).problems;
    expect(codes).toMatchObject([{ code: 'calendar_too_large' }]);
  });
});

// Calendars as odd programs write them: line ends, encodings, nesting, zones and overrides, with their right values.
import { expect, test } from 'vitest';
import { readCalendar } from '../../src/schedule/tasks/ical/calendar.ts';

const options = { user: '1', timeZone: 'Europe/Berlin', urgencyLeadMs: 0 };

function startsOf(text: string | Buffer, day: string): string[] {
  const now = Date.parse(`${day}T00:00:00Z`);
  return readCalendar('a.ics', text, now, options)
    .blocks.map(({ startAt }) => new Date(startAt).toISOString().slice(5, 16))
    .sort();
}

const calendar = (...lines: string[]): string =>
  ['BEGIN:VCALENDAR', ...lines, 'END:VCALENDAR', ''].join('\r\n');
const event = (...lines: string[]): string[] => ['BEGIN:VEVENT', 'UID:e', ...lines, 'END:VEVENT'];
const simple = calendar(...event('SUMMARY:Größe\\, Ü', 'DTSTART:20260406T090000Z'));
const folded = simple.replace('DTSTART:2026', 'DTSTART\r\n :20\r\n\t26');

/** A zone with this offset all year. */
const zone = (tzid: string, offset: string): string[] => [
  'BEGIN:VTIMEZONE',
  `TZID:${tzid}`,
  'BEGIN:STANDARD',
  'DTSTART:19700101T000000',
  `TZOFFSETFROM:${offset}`,
  `TZOFFSETTO:${offset}`,
  'END:STANDARD',
  'END:VTIMEZONE',
];

/** Everything that is one event at 09:00 UTC on 6 April 2026. */
const SIMPLE: Readonly<Record<string, string | Buffer>> = {
  'LF alone': simple.replaceAll('\r\n', '\n'),
  'CR alone': simple.replaceAll('\r\n', '\r'),
  'CR CR LF': simple.replaceAll('\r\n', '\r\r\n'),
  'folds with CR CR LF': folded.replaceAll('\r\n', '\r\r\n'),
  'folds with LF': folded.replaceAll('\r\n', '\n'),
  'folds with CR': folded.replaceAll('\r\n', '\r'),
  'a fold within a folded fold': simple.replace('DTSTART:2026', 'DT\r\n S\r\n T\r\n ART:2026'),
  'empty lines': simple.replaceAll('\r\n', '\r\n\r\n'),
  'a BOM': `\ufeff${simple}`,
  'a BOM of UTF-16': Buffer.from(`\ufeff${simple}`, 'utf16le'),
  'Latin-1': Buffer.from(simple, 'latin1'),
  'names in lower case': simple
    .replaceAll('BEGIN', 'begin')
    .replaceAll('VEVENT', 'vevent')
    .replace('DTSTART', 'dtstart'),
  'no end of the calendar': simple.replace('END:VCALENDAR\r\n', ''),
  'spaces behind values': simple.replaceAll('\r\n', ' \r\n'),
  'an alarm within': simple.replace(
    'END:VEVENT',
    'BEGIN:VALARM\r\nUID:alarm\r\nTRIGGER:-PT5M\r\nDTSTART:20250101T000000Z\r\nSTATUS:CANCELLED\r\nEND:VALARM\r\nEND:VEVENT',
  ),
  'an unknown component around': calendar(
    'BEGIN:X-WRAP',
    ...event('DTSTART:20260406T090000Z'),
    'END:X-WRAP',
  ),
  'a calendar in a calendar': calendar(calendar(...event('DTSTART:20260406T090000Z')).trim()),
  'a quoted parameter with a colon': calendar(
    ...event('DTSTART;X-A="b:20260101":20260406T090000Z', 'TRANSP;X-A="a:b":OPAQUE'),
  ),
  'VALUE=DATE-TIME': calendar(...event('DTSTART;VALUE=DATE-TIME:20260406T090000Z')),
  'TZID beside Z': calendar(...event('DTSTART;TZID=America/New_York:20260406T090000Z')),
  'a zone behind its event': calendar(
    ...event('DTSTART;TZID=Mine:20260406T110000'),
    ...zone('Mine', '+0200'),
  ),
  'two zones of one name': calendar(
    ...zone('Mine', '+0200'),
    ...zone('Mine', '+0200'),
    ...event('DTSTART;TZID=Mine:20260406T110000'),
  ),
  'a place without VTIMEZONE': calendar(...event('DTSTART;TZID=Europe/Paris:20260406T110000')),
  'a place with a prefix of Mozilla': calendar(
    ...event('DTSTART;TZID=/mozilla.org/20050126_1/Europe/Paris:20260406T110000'),
  ),
  'a place with a prefix of libical': calendar(
    ...event('DTSTART;TZID=/freeassociation.sourceforge.net/Tzfile/Europe/Paris:20260406T110000'),
  ),
  'a Windows name': calendar(...event('DTSTART;TZID=W. Europe Standard Time:20260406T110000')),
  'a Windows display name in quotes': calendar(
    ...zone('(UTC+01:00) Amsterdam\\, Berlin\\, Bern', '+0200'),
    ...event('DTSTART;TZID="(UTC+01:00) Amsterdam, Berlin, Bern":20260406T110000'),
  ),
  'a display name with a colon and no quotes': calendar(
    ...zone('(GMT+01:00) Amsterdam', '+0200'),
    ...event('DTSTART;TZID=(GMT+01:00) Amsterdam:20260406T110000'),
  ),
  'Microsoft’s name for a zone of its own': calendar(
    ...zone('Customized Time Zone', '+0200'),
    ...event('DTSTART;TZID=Customized Time Zone:20260406T110000'),
  ),
  'a zone whose offsets have seconds': calendar(
    ...zone('Mine', '+020000'),
    ...event('DTSTART;TZID=Mine:20260406T110000'),
  ),
  'X-WR-TIMEZONE for a floating time': calendar(
    'X-WR-TIMEZONE:Asia/Tokyo',
    ...event('DTSTART:20260406T180000'),
  ),
};

test.each(Object.keys(SIMPLE))('an event with %s is read as it is', (name) => {
  expect(startsOf(SIMPLE[name] ?? '', '2026-04-06')).toEqual(['04-06T09:00']);
});

const daily = ['DTSTART:20260406T090000Z', 'RRULE:FREQ=DAILY;COUNT=3'];
const newYork = (...lines: string[]): string[] =>
  event('DTSTART;TZID=America/New_York:20260406T090000', ...lines);

const SERIES: Readonly<Record<string, readonly [text: string, day: string, starts: string[]]>> = {
  // RFC 5545, 3.8.4.4: the identifier may be in another zone than the series.
  'an override whose identifier is in another zone': [
    calendar(
      ...newYork('RRULE:FREQ=DAILY;COUNT=3'),
      ...event('RECURRENCE-ID:20260407T130000Z', 'DTSTART:20260407T150000Z'),
    ),
    '2026-04-07',
    ['04-06T13:00', '04-07T15:00', '04-08T13:00'],
  ],
  'an override that stands before its series': [
    calendar(
      ...event('RECURRENCE-ID:20260407T090000Z', 'DTSTART:20260407T100000Z'),
      ...event(...daily),
    ),
    '2026-04-07',
    ['04-06T09:00', '04-07T10:00', '04-08T09:00'],
  ],
  // Google and Outlook write dates as identifiers of timed series in some exports.
  'an override whose identifier is a date': [
    calendar(
      ...event(...daily),
      ...event('RECURRENCE-ID;VALUE=DATE:20260407', 'DTSTART:20260407T100000Z'),
    ),
    '2026-04-07',
    ['04-06T09:00', '04-07T10:00', '04-08T09:00'],
  ],
  'EXDATE in another zone': [
    calendar(...newYork('RRULE:FREQ=DAILY;COUNT=3', 'EXDATE:20260407T130000Z')),
    '2026-04-07',
    ['04-06T13:00', '04-08T13:00'],
  ],
  'several EXDATEs in a line and in several lines': [
    calendar(
      ...event(
        'DTSTART:20260406T090000Z',
        'RRULE:FREQ=DAILY;COUNT=5',
        'EXDATE:20260407T090000Z,20260408T090000Z',
        'EXDATE:20260410T090000Z',
      ),
    ),
    '2026-04-07',
    ['04-06T09:00', '04-09T09:00'],
  ],
  'RDATE that repeats an occurrence': [
    calendar(...event(...daily, 'RDATE:20260407T090000Z,20260409T090000Z')),
    '2026-04-07',
    ['04-06T09:00', '04-07T09:00', '04-08T09:00', '04-09T09:00'],
  ],
  'an override that moves an RDATE': [
    calendar(
      ...event('DTSTART:20260406T090000Z', 'RDATE:20260408T090000Z'),
      ...event('RECURRENCE-ID:20260408T090000Z', 'DTSTART:20260409T090000Z'),
    ),
    '2026-04-07',
    ['04-06T09:00', '04-09T09:00'],
  ],
  // RFC 5545, 3.3.10: UNTIL as a date includes its day. Many programs write it so for timed series.
  'UNTIL as a date': [
    calendar(...event('DTSTART:20260406T090000Z', 'RRULE:FREQ=DAILY;UNTIL=20260408')),
    '2026-04-07',
    ['04-06T09:00', '04-07T09:00', '04-08T09:00'],
  ],
  'UNTIL as a local time': [
    calendar(...newYork('RRULE:FREQ=DAILY;UNTIL=20260408T090000')),
    '2026-04-07',
    ['04-06T13:00', '04-07T13:00', '04-08T13:00'],
  ],
  'parts in lower case, with spaces and an unknown part of X-': [
    calendar(...event('DTSTART:20260406T090000Z', 'RRULE:freq=daily; count=2')),
    '2026-04-07',
    ['04-06T09:00', '04-07T09:00'],
  ],
  'FREQ=MONTHLY on a day that months lack': [
    calendar(...event('DTSTART:20260131T090000Z', 'RRULE:FREQ=MONTHLY;COUNT=3')),
    '2026-05-30',
    ['05-31T09:00'],
  ],
  'FREQ=YEARLY on 29 February': [
    calendar(...event('DTSTART:20240229T090000Z', 'RRULE:FREQ=YEARLY;COUNT=2')),
    '2028-02-28',
    ['02-29T09:00'],
  ],
  'FREQ=MONTHLY;BYDAY=-1FR': [
    calendar(...event('DTSTART:20260130T090000Z', 'RRULE:FREQ=MONTHLY;BYDAY=-1FR')),
    '2026-04-24',
    ['04-24T09:00'],
  ],
  'FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1': [
    calendar(
      ...event('DTSTART:20260130T090000Z', 'RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1'),
    ),
    '2026-04-29',
    ['04-30T09:00'],
  ],
  'FREQ=WEEKLY;INTERVAL=2;WKST=SU': [
    // RFC 5545, 3.3.10: the example of WKST, 5 August 1997, here in 2026-08.
    calendar(
      ...event(
        'DTSTART:20260804T090000Z',
        'RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU',
      ),
    ),
    '2026-08-16',
    ['08-16T09:00', '08-18T09:00'],
  ],
  'FREQ=WEEKLY;INTERVAL=2;WKST=MO': [
    calendar(
      ...event(
        'DTSTART:20260804T090000Z',
        'RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO',
      ),
    ),
    '2026-08-16',
    ['08-09T09:00', '08-18T09:00', '08-23T09:00'],
  ],
  // RFC 5545, 3.8.5.3: the local time stays over a clock change.
  'a series over a clock change': [
    calendar(...event('DTSTART;TZID=Europe/Berlin:20260328T090000', 'RRULE:FREQ=DAILY;COUNT=3')),
    '2026-03-29',
    ['03-28T08:00', '03-29T07:00', '03-30T07:00'],
  ],
  'a series at an hour that a clock change skips': [
    calendar(...event('DTSTART;TZID=Europe/Berlin:20260328T023000', 'RRULE:FREQ=DAILY;COUNT=3')),
    '2026-03-29',
    ['03-28T01:30', '03-29T01:30', '03-30T00:30'],
  ],
  'a series at an hour that a clock change repeats': [
    calendar(...event('DTSTART;TZID=Europe/Berlin:20261024T023000', 'RRULE:FREQ=DAILY;COUNT=3')),
    '2026-10-25',
    ['10-24T00:30', '10-25T00:30', '10-26T01:30'],
  ],
  'a cancelled series with an override of the same revision': [
    calendar(
      ...event(...daily, 'STATUS:CANCELLED'),
      ...event('RECURRENCE-ID:20260407T090000Z', 'DTSTART:20260407T100000Z'),
    ),
    '2026-04-07',
    [],
  ],
  'a revision with a lower SEQUENCE behind a higher one': [
    calendar(
      ...event('SEQUENCE:2', 'DTSTART:20260406T100000Z'),
      ...event('SEQUENCE:1', 'DTSTART:20260406T090000Z'),
    ),
    '2026-04-07',
    ['04-06T10:00'],
  ],
  'a whole-day start with a quoted colon': [
    calendar(...event('DTSTART;X-A="b:c";VALUE=DATE:20260406')),
    '2026-04-07',
    [],
  ],
  'a cancelled event with a quoted colon': [
    calendar(...event('DTSTART:20260406T090000Z', 'STATUS;X-A="b:c":CANCELLED')),
    '2026-04-07',
    [],
  ],
  'Apple’s and Outlook’s private properties': [
    calendar(
      'X-APPLE-CALENDAR-COLOR:#FF0000',
      ...event(
        ...daily,
        'X-MICROSOFT-CDO-BUSYSTATUS:FREE',
        'X-APPLE-TRAVEL-DURATION;VALUE=DURATION:PT30M',
        'X-MICROSOFT-DISALLOW-COUNTER:FALSE',
      ),
    ),
    '2026-04-07',
    ['04-06T09:00', '04-07T09:00', '04-08T09:00'],
  ],
};

test.each(Object.keys(SERIES))('a calendar with %s has its right occurrences', (name) => {
  const [text, day, starts] = SERIES[name] ?? ['', '', []];
  expect(startsOf(text, day)).toEqual(starts);
});

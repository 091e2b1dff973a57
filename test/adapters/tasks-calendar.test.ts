import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCalendar } from '../../src/schedule/tasks/ical/calendar.ts';
import { namedTimeZone } from '../../src/schedule/tasks/ical/named-zone.ts';

const NOW = Date.UTC(2026, 2, 27, 12);
const HOUR = 60 * 60_000;

const calendar = (...lines: string[]): string =>
  ['BEGIN:VCALENDAR', 'VERSION:2.0', ...lines, 'END:VCALENDAR', ''].join('\r\n');
const todo = (...lines: string[]): string[] => ['BEGIN:VTODO', 'UID:t1', ...lines, 'END:VTODO'];
const event = (...lines: string[]): string[] => ['BEGIN:VEVENT', 'UID:e1', ...lines, 'END:VEVENT'];

const read = (text: string) =>
  readCalendar('tasks.ics', text, NOW, { user: '42', timeZone: 'UTC', urgencyLeadMs: 24 * HOUR });
const oneTask = (...lines: string[]) => read(calendar(...todo(...lines))).tasks[0];
const at = (text: string): number => Date.parse(text);

describe('a VTODO', () => {
  test('becomes a task', () => {
    expect(
      oneTask('SUMMARY:Write\\, then\r\n  send', 'DUE:20260401T100000Z', 'PRIORITY:3'),
    ).toEqual({
      userId: '42',
      taskId: 't1',
      title: 'Write, then send',
      priority: 2,
      completed: false,
      deadlineAt: at('2026-04-01T10:00:00Z'),
      urgencyThresholdAt: at('2026-03-31T10:00:00Z'),
      estimatedSections: 1,
    });
  });

  test.each([
    ['0', 3],
    ['1', 1],
    ['2', 1],
    ['4', 2],
    ['5', 3],
    ['9', 4],
    ['high', 3],
  ])('of priority %s is one of %i', (value, priority) => {
    expect(oneTask(`PRIORITY:${value}`)?.priority).toBe(priority);
  });

  test.each([
    ['STATUS:COMPLETED', true],
    ['STATUS:CANCELLED', true],
    ['STATUS:IN-PROCESS', false],
    ['PERCENT-COMPLETE:100', true],
    ['PERCENT-COMPLETE:99', false],
    ['COMPLETED:20260301T000000Z', true],
  ])('with %s is completed: %s', (line, completed) => {
    expect(oneTask(line)?.completed).toBe(completed);
  });

  test('becomes urgent at its first alarm, or at X-TOCSIN-URGENT-AT', () => {
    const alarm = (...lines: string[]) => [
      'BEGIN:VALARM',
      'ACTION:DISPLAY',
      ...lines,
      'END:VALARM',
    ];
    const due = 'DUE:20260401T100000Z';
    const start = 'DTSTART:20260401T080000Z';
    const urgent = (...lines: string[]) => oneTask(...lines)?.urgencyThresholdAt;
    expect(urgent(due, start, ...alarm('TRIGGER:-PT30M'))).toBe(at('2026-04-01T07:30:00Z'));
    expect(urgent(due, start, ...alarm('TRIGGER;RELATED=END:-PT30M'))).toBe(
      at('2026-04-01T09:30:00Z'),
    );
    const absolute = 'TRIGGER;VALUE=DATE-TIME:20260330T000000Z';
    expect(urgent(due, ...alarm('TRIGGER:-PT5M'), ...alarm(absolute))).toBe(
      at('2026-03-30T00:00:00Z'),
    );
    expect(urgent(due, 'X-TOCSIN-URGENT-AT:20260329T000000Z')).toBe(at('2026-03-29T00:00:00Z'));
    expect(urgent('SUMMARY:no date at all')).toBeUndefined();
  });

  test('with a DUE date without a time is due at the end of that day', () => {
    expect(oneTask('DUE;VALUE=DATE:20260401')?.deadlineAt).toBe(at('2026-04-02T00:00:00Z'));
  });

  test('recurs by its rule, with EXDATE, RDATE and RECURRENCE-ID applied', () => {
    const rows = read(
      calendar(
        ...todo(
          'DTSTART:20260325T080000Z',
          'DUE:20260325T090000Z',
          'RRULE:FREQ=DAILY;COUNT=5',
          'EXDATE:20260326T080000Z',
          'RDATE:20260402T080000Z',
        ),
        ...todo('RECURRENCE-ID:20260327T080000Z', 'DUE:20260327T200000Z', 'STATUS:COMPLETED'),
      ),
    );
    expect(rows.problems).toEqual([]);
    expect(rows.tasks.map(({ taskId, completed }) => [taskId, completed])).toEqual([
      ['t1_20260325T080000Z', false],
      ['t1_20260328T080000Z', false],
      ['t1_20260329T080000Z', false],
      ['t1_20260402T080000Z', false],
      ['t1_20260327T080000Z', true],
    ]);
  });
});

describe('a VEVENT', () => {
  test('becomes a block of its related task', () => {
    const { blocks } = read(
      calendar(...event('DTSTART:20260328T080000Z', 'DURATION:PT45M', 'RELATED-TO:t1')),
    );
    expect(blocks).toEqual([
      {
        userId: '42',
        blockId: 'e1',
        seriesId: undefined,
        title: '',
        taskId: 't1',
        startAt: at('2026-03-28T08:00:00Z'),
        endAt: at('2026-03-28T08:45:00Z'),
        completed: false,
      },
    ]);
  });

  test('makes no block if it is cancelled, transparent or all-day', () => {
    const start = 'DTSTART:20260328T080000Z';
    const rows = read(
      calendar(
        ...event(start, 'STATUS:CANCELLED'),
        ...event(start, 'TRANSP:TRANSPARENT'),
        ...event('DTSTART;VALUE=DATE:20260328'),
      ),
    );
    expect(rows).toMatchObject({ blocks: [], problems: [], counts: { ignored: 3 } });
  });

  test('keeps its local time over the change to summer time', () => {
    const { blocks } = read(
      calendar(...event('DTSTART;TZID=Europe/Berlin:20260327T090000', 'RRULE:FREQ=DAILY;COUNT=4')),
    );
    expect(blocks.map(({ startAt }) => new Date(startAt).toISOString())).toEqual([
      '2026-03-27T08:00:00.000Z',
      '2026-03-28T08:00:00.000Z',
      '2026-03-29T07:00:00.000Z',
      '2026-03-30T07:00:00.000Z',
    ]);
    expect(blocks.every(({ seriesId }) => seriesId === 'e1')).toBe(true);
  });

  test('recurs up to and including UNTIL', () => {
    const days = (until: string) =>
      read(
        calendar(
          ...event('DTSTART;TZID=Europe/Berlin:20260327T090000', `RRULE:FREQ=DAILY;UNTIL=${until}`),
        ),
      ).blocks.length;
    expect(days('20260328T080000Z')).toBe(2);
    expect(days('20260328T075959Z')).toBe(1);
    expect(days('20260328')).toBe(2);
  });
});

describe('a time zone', () => {
  const start = (zone: string, ...more: string[]) =>
    read(
      calendar(...more, ...event(`DTSTART;TZID=${zone}:20260701T090000`, 'DTEND:20260801T000000Z')),
    );

  test.each([
    ['Europe/Berlin', '07'],
    ['W. Europe Standard Time', '07'],
    ['/mozilla.org/20050126_1/Europe/Berlin', '07'],
    ['/freeassociation.sourceforge.net/Europe/Berlin', '07'],
    ['/citadel.org/20210210_1/America/Argentina/Buenos_Aires', '12'],
    ['Asia/Tokyo', '00'],
  ])('is known by its name: %s', (zone, hour) => {
    expect(start(zone).problems).toEqual([]);
    const instant = namedTimeZone(zone)?.toInstant(Date.UTC(2026, 6, 1, 9));
    expect(new Date(instant ?? 0).toISOString()).toBe(`2026-07-01T${hour}:00:00.000Z`);
  });

  test('with an unknown name is read from the file', () => {
    const observance = (name: string, from: string, to: string, month: number) => [
      `BEGIN:${name}`,
      'DTSTART:20000101T020000',
      `TZOFFSETFROM:${from}`,
      `TZOFFSETTO:${to}`,
      `RRULE:FREQ=YEARLY;BYMONTH=${month};BYDAY=-1SU`,
      `END:${name}`,
    ];
    const rows = read(
      calendar(
        'BEGIN:VTIMEZONE',
        'TZID:Our Office',
        ...observance('STANDARD', '+0330', '+0230', 10),
        ...observance('DAYLIGHT', '+0230', '+0330', 3),
        'END:VTIMEZONE',
        ...event('DTSTART;TZID=Our Office:20260328T090000'),
        ...event('DTSTART;TZID=Our Office:20260331T090000').map((line) => line.replace('e1', 'e2')),
      ),
    );
    expect(rows.problems).toEqual([]);
    expect(rows.blocks.map(({ startAt }) => new Date(startAt).toISOString())).toEqual([
      '2026-03-28T06:30:00.000Z',
      '2026-03-31T05:30:00.000Z',
    ]);
  });

  test('that is unknown or never ends is reported, and its entries are left out', () => {
    expect(start('Nowhere').problems[0]).toMatchObject({ line: 5, component: 'VEVENT', id: 'e1' });
    const rows = start(
      'Endless',
      'BEGIN:VTIMEZONE',
      'TZID:Endless',
      'BEGIN:STANDARD',
      'DTSTART:19700101T000000',
      'TZOFFSETFROM:+0000',
      'TZOFFSETTO:+0100',
      'RRULE:FREQ=SECONDLY',
      'END:STANDARD',
      'END:VTIMEZONE',
    );
    expect(rows.problems[0]?.message).toContain('not yearly');
  });

  test('skips and repeats hours as RFC 5545 says', () => {
    const berlin = namedTimeZone('Europe/Berlin');
    const instant = (text: string) =>
      new Date(berlin?.toInstant(Date.parse(`${text}Z`)) ?? 0).toISOString().slice(0, 16);
    expect(instant('2026-03-29T02:30:00')).toBe('2026-03-29T01:30');
    expect(instant('2026-10-25T02:30:00')).toBe('2026-10-25T00:30');
  });
});

describe('a broken calendar', () => {
  test('leaves out invalid entries and names their line and component', () => {
    const rows = read(
      calendar(
        ...todo('DUE:20261399T100000Z'),
        'BEGIN:VTODO',
        'SUMMARY:no uid',
        'END:VTODO',
        ...todo('DUE:20260401T100000Z'),
        'BEGIN:VEVENT',
        'UID:never ends',
      ),
    );
    expect(rows.tasks).toHaveLength(1);
    expect(rows.problems.map(({ line, component, code }) => [line, component, code])).toEqual([
      [14, 'VEVENT', 'unfinished'],
      [5, 'VTODO', 'invalid_property'],
      [7, 'VTODO', 'no_uid'],
    ]);
  });

  test('is reported without its control characters', () => {
    const [problem] = read(calendar('END:V\u001b[31mEVENT\u0007')).problems;
    expect(problem).toMatchObject({ component: 'V [31MEVENT', code: 'stray_end', line: 3 });
  });

  test('without a user id is reported', () => {
    const text = calendar(
      ...todo('ORGANIZER;CN=Ann:mailto:Ann@Example.com'),
      ...todo('X-TOCSIN-USER:7'),
    );
    const options = { timeZone: 'UTC', urgencyLeadMs: 0 };
    const users = (more: object) =>
      readCalendar('f', text, NOW, { ...options, ...more }).tasks.map(({ userId }) => userId);
    expect(users({})).toEqual(['ann@example.com', '7']);
    expect(users({ folderUser: 'bob' })).toEqual(['bob', '7']);
    expect(users({ folderUser: 'bob', user: '42' })).toEqual(['42', '7']);
    const nobody = readCalendar('f', calendar(...todo()), NOW, options);
    expect(nobody.problems[0]?.code).toBe('no_user');
  });

  test('never crashes or hangs the reader, and each entry is counted', () => {
    const whole = calendar(
      ...todo(
        'DTSTART:20260325T080000Z',
        'DUE:20260325T090000Z',
        'RRULE:FREQ=DAILY;COUNT=5',
        'EXDATE:20260326T080000Z',
      ),
      ...event(
        'DTSTART;TZID=Europe/Berlin:20260327T090000',
        'RRULE:FREQ=WEEKLY;BYDAY=MO,FR',
        'BEGIN:VALARM',
        'TRIGGER:-PT5M',
        'END:VALARM',
      ),
    );
    const junk = fc.oneof(
      fc.constantFrom(
        ':',
        ';',
        '=',
        '"',
        '\r\n',
        '\r\n ',
        ',',
        '9',
        'T',
        'Z',
        'BEGIN:VTODO\r\n',
        'END:VEVENT\r\n',
        '\u0000',
      ),
      fc.string(),
    );
    const edit = fc.tuple(
      fc.integer({ min: 0, max: whole.length }),
      fc.integer({ min: 0, max: 12 }),
      junk,
    );
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), (edits) => {
        let text = whole;
        for (const [place, cut, put] of edits)
          text = text.slice(0, place) + put + text.slice(place + cut);
        const rows = read(text);
        expect(rows.counts.failed).toBe(rows.problems.length);
      }),
      { numRuns: 400 },
    );
  });

  test.each([
    ['deep nesting', 'BEGIN:VCALENDAR\n'.repeat(100_000)],
    ['a line without end', `BEGIN:VTODO\nUID:${'x'.repeat(5_000_000)}\nEND:VTODO`],
    ['folds without end', `BEGIN:VTODO\nUID:a\n${' x\n'.repeat(1_000_000)}END:VTODO`],
    ['an entry without end', `BEGIN:VTODO\n${'X:1\n'.repeat(500_000)}`],
    ['every second', calendar(...event('DTSTART:20260327T090000Z', 'RRULE:FREQ=SECONDLY'))],
  ])('with %s is told of, soon', (_what, text) => {
    expect(read(text).problems.length).toBeGreaterThan(0);
  });
});

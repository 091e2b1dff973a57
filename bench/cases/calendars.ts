// `calendars`: how long reading calendars blocks the process that serves. The file that once blocked it for
// 20 s, and all kinds of rules with a COUNT in a zone of the file.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openTaskFiles } from '../../src/schedule/tasks/files/task-files.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';

const NOW = Date.UTC(2026, 5, 10, 12);

const observance = (name: string, month: number, from: string, to: string): readonly string[] => [
  `BEGIN:${name}`,
  'DTSTART:16010101T020000',
  `RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=${month}`,
  `TZOFFSETFROM:${from}`,
  `TZOFFSETTO:${to}`,
  `END:${name}`,
];
const ZONE = [
  'BEGIN:VTIMEZONE',
  'TZID:My Zone',
  ...observance('STANDARD', 10, '+0200', '+0100'),
  ...observance('DAYLIGHT', 3, '+0100', '+0200'),
  'END:VTIMEZONE',
];

const range = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, n) => from + n).join(',');

/** Parts that make a rule dense, sparse, empty or hard to count. */
const PARTS = [
  '',
  ';BYDAY=MO,TU,WE,TH,FR',
  ';BYHOUR=1,2,3;BYSETPOS=-1',
  ';BYMONTH=2;BYMONTHDAY=30',
  ';BYSECOND=59',
  ';BYYEARDAY=-366,366',
  `;BYHOUR=${range(0, 23)};BYMINUTE=${range(0, 59)};BYSECOND=${range(0, 59)}`,
];

function adversarialRules(): readonly string[] {
  const rules: string[] = [];
  for (const freq of ['SECONDLY', 'MINUTELY', 'HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY']) {
    for (const interval of ['', ';INTERVAL=7', ';INTERVAL=999983']) {
      for (const end of ['', ';COUNT=99999', ';COUNT=999999999', ';UNTIL=20991231T000000Z']) {
        for (const part of PARTS) rules.push(`FREQ=${freq}${interval}${end}${part}`);
      }
    }
  }
  return rules;
}

function calendarOf(rules: readonly string[], start: string): string {
  const events = rules.flatMap((rule, n) => [
    'BEGIN:VEVENT',
    `UID:e${n}`,
    `DTSTART;TZID=My Zone:${start}`,
    `RRULE:${rule}`,
    'END:VEVENT',
  ]);
  return ['BEGIN:VCALENDAR', ...ZONE, ...events, 'END:VCALENDAR'].join('\r\n');
}

export async function benchCalendars({ folder, say }: Surroundings): Promise<Report> {
  const rules = adversarialRules();
  const files = new Map([
    ['secondly', calendarOf(Array<string>(5).fill('FREQ=SECONDLY'), '20200101T000000')],
    ['adversarial since 2020', calendarOf(rules, '20200101T000000')],
    ['adversarial since 1601', calendarOf(rules, '16010101T000000')],
    [
      '20,000 plain series',
      calendarOf(Array<string>(20_000).fill('FREQ=WEEKLY'), '20200101T090000'),
    ],
  ]);
  const found: { what: string; seconds: number; blocked: number; computed: number }[] = [];
  for (const [what, text] of files) {
    say(`calendars: ${what}`);
    found.push({ what, ...(await readTwice(join(folder, what.replaceAll(' ', '-')), text)) });
  }
  // The time of this thread alone: other work on the cores blocks a loop, too.
  const worst = Math.max(...found.map(({ computed }) => computed));
  return {
    case: 'calendars',
    figures: { rules: rules.length, longestTurnMs: worst },
    targets: [{ what: 'ms of the longest turn of the loop', reached: worst, below: 50 }],
    lines: found.map(
      ({ what, seconds, blocked, computed }) =>
        `${what}  read in ${shown(seconds, 2)} s; longest turn of the loop ${shown(computed, 1)} ms of this thread, ` +
        `${shown(blocked, 1)} ms on the clock`,
    ),
  };
}

/** The first read compiles the code; the second is that of each hour and each change. */
async function readTwice(folder: string, text: string) {
  await mkdir(folder);
  await writeFile(join(folder, 'a.ics'), text);
  await using files = await openTaskFiles({
    path: folder,
    user: '1',
    now: () => NOW,
    watch: false,
  });
  const turns = watchTurns();
  const begun = performance.now();
  await files.reload();
  const seconds = (performance.now() - begun) / 1000;
  return { seconds, ...(await turns.stop()) };
}

/** Measures the longest turn of the loop: the time that passed, and the time that this thread computed. */
function watchTurns() {
  const cpuMs = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let last = { at: performance.now(), cpu: cpuMs() };
  const longest = { blocked: 0, computed: 0 };
  let isOver = false;
  const turn = (): void => {
    const now = { at: performance.now(), cpu: cpuMs() };
    longest.blocked = Math.max(longest.blocked, now.at - last.at);
    longest.computed = Math.max(longest.computed, now.cpu - last.cpu);
    last = now;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  return {
    async stop() {
      await new Promise((resolve) => setTimeout(resolve, 5));
      isOver = true;
      return longest;
    },
  };
}

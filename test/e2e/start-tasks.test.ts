// Tests `tocsin start --tasks`: a user edits a calendar, and its notifications follow.
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { QUIET_END, testCli } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const basicFormat = (at: number): string => new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '');

function todo(uid: string, urgentAt: number, ...lines: string[]): string {
  return ['BEGIN:VTODO', `UID:${uid}`, `SUMMARY:${uid}`, 'PRIORITY:1', ...lines]
    .concat(`X-TOCSIN-URGENT-AT:${basicFormat(urgentAt)}`, 'END:VTODO', '')
    .join('\r\n');
}

const calendar = (...entries: string[]): string =>
  `BEGIN:VCALENDAR\r\nVERSION:2.0\r\n${entries.join('')}END:VCALENDAR\r\n`;

test(
  'start sends notifications for a calendar that a user edits meanwhile',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using cli = testCli();
    const HOUR = 60 * 60_000;
    mkdirSync(cli.path('calendars', 'eve'), { recursive: true });
    const file = cli.path('calendars', 'eve', 'tasks.ics');
    const first = todo('essay', Date.now() - 1000);
    writeFileSync(file, calendar(first, todo('later', Date.now() + HOUR)));
    const start = cli.start(['start', '--tasks', 'calendars'], { open: true });
    await start.says(/tasks are read from .*calendars/);
    await start.says(/scheduled {3}task later of eve/);
    await start.says(/offered {5}proposal to eve: .*“essay”/);
    await start.says(/published {3}user eve {2}important_urgent_task/);

    // What others raise is then looked at over the same tasks, not just passed on.
    const line = raiseLine('eve', { target_id: 'nobody-knows' });
    writeFileSync(cli.path('one.ndjson'), `${line}\n`);
    expect((await cli.call(['raise', '--file', 'one.ndjson'])).document).toMatchObject({
      raised: 1,
    });
    await start.says(/offered {5}question to eve/);

    // Written beside it and put in its place, as editors do.
    writeFileSync(`${file}.new`, calendar(first, todo('later', Date.now() - 1000)));
    renameSync(`${file}.new`, file);
    await start.says(/triggered {3}task later of eve/);
    rmSync(file);
    writeFileSync(
      cli.path('calendars', 'eve', 'other.ics'),
      calendar(todo('new', Date.now() + HOUR)),
    );
    await start.says(/scheduled {3}task new of eve/);

    start.kill('SIGINT');
    expect(await start.ended()).toMatchObject(QUIET_END);
    expect(cli.strays()).toEqual([]);
  },
);

test('start refuses a missing path, an unknown zone and a lead out of range', async () => {
  await using cli = testCli();
  const start = ['start', '--once'];
  const refused = (code: string) => ({ code: 2, document: { error: { code } } });
  expect(await cli.call([...start, '--tasks', 'missing.ics'])).toMatchObject(
    refused('tasks_not_found'),
  );
  expect(await cli.call([...start, '--time-zone', 'Mars/Base'])).toMatchObject(
    refused('invalid_time_zone'),
  );
  expect(await cli.call([...start, '--lead', '-1'])).toMatchObject(refused('invalid_lead'));
  expect(cli.strays()).toEqual([]);
});

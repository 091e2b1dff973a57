// Tests `tocsin jobs`: import of valid and invalid calendars, list and cancel.
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { testCli } from '../support/cli.ts';

const Listed = z.object({
  total: z.int(),
  jobs: z.array(
    z.object({
      jobId: z.string(),
      subjectId: z.string(),
      status: z.string(),
      code: z.string().optional(),
      triggerAt: z.string().optional(),
    }),
  ),
});

const calendar = (...lines: string[]): string =>
  ['BEGIN:VCALENDAR', 'VERSION:2.0', ...lines, 'END:VCALENDAR', ''].join('\r\n');
const todo = (uid: string, ...lines: string[]): string[] => [
  'BEGIN:VTODO',
  `UID:${uid}`,
  ...lines,
  'END:VTODO',
];

test('jobs imports twice without a change, lists and cancels', async () => {
  await using cli = testCli();
  const put = (...entries: string[][]): void => {
    writeFileSync(cli.path('tasks.ics'), calendar(...entries.flat()));
  };
  const list = async (...args: string[]) =>
    Listed.parse((await cli.call(['jobs', 'list', ...args])).document);
  const importing = ['jobs', 'import', 'tasks.ics', '--user', '42', '--lead', '2'];

  put(todo('essay', 'DUE:20990101T100000Z', 'PRIORITY:1'), todo('later', 'DUE:20990201T100000Z'));
  expect(await cli.call(importing)).toMatchObject({
    code: 0,
    stderr: '',
    document: { files: 1, imported: 2, failed: 0, scheduled: 2, problems: [] },
  });
  expect(await cli.call(importing)).toMatchObject({ document: { scheduled: 0, unchanged: 2 } });
  expect(await list()).toMatchObject({
    total: 2,
    jobs: [
      { subjectId: 'essay', status: 'pending', triggerAt: '2099-01-01T08:00:00.000Z' },
      { subjectId: 'later', status: 'pending' },
    ],
  });

  put(todo('essay', 'DUE:20990101T120000Z'), todo('later', 'STATUS:COMPLETED'));
  expect(await cli.call(importing)).toMatchObject({ document: { rescheduled: 1, cancelled: 1 } });
  expect(await list('--status', 'cancelled')).toMatchObject({
    total: 1,
    jobs: [{ subjectId: 'later', code: 'task_not_schedulable' }],
  });

  const [essay] = (await list('--status', 'pending', '--user', '42')).jobs;
  const cancel = ['jobs', 'cancel', essay?.jobId ?? '', '--reason', 'a mistake'];
  expect(await cli.call(cancel)).toMatchObject({ code: 0, document: { change: 'cancelled' } });
  expect(await cli.call(cancel)).toMatchObject({ code: 0, document: { change: 'unchanged' } });
  expect(await list('--status', 'pending')).toEqual({ total: 0, jobs: [] });
  // Called off until the task changes, and no longer.
  expect(await cli.call(importing)).toMatchObject({ document: { scheduled: 0 } });
  put(todo('essay', 'DUE:20990101T130000Z'), todo('later', 'STATUS:COMPLETED'));
  expect(await cli.call(importing)).toMatchObject({ document: { scheduled: 1 } });
});

test('jobs import names invalid entries with file, line and component, and imports the rest', async () => {
  await using cli = testCli();
  const bad = ['BEGIN:VEVENT', 'UID:broken', 'DTSTART:20991341T100000Z', 'END:VEVENT'];
  const entries = [...bad, ...todo('good', 'DUE:20990101T100000Z'), 'BEGIN:VTODO', 'END:VTODO'];
  writeFileSync(cli.path('tasks.ics'), calendar(...entries));
  const { code, document } = await cli.call(['jobs', 'import', 'tasks.ics', '--user', '42']);
  expect({ code, document }).toMatchObject({
    code: 1,
    document: { imported: 1, failed: 2, scheduled: 1, problemsTruncated: false },
  });
  const Problems = z.object({ problems: z.array(z.record(z.string(), z.unknown())) });
  const { problems } = Problems.parse(document);
  expect(problems).toMatchObject([
    { file: 'tasks.ics', line: 5, component: 'VEVENT', id: 'broken', code: 'invalid_property' },
    { file: 'tasks.ics', line: 11, component: 'VTODO', code: 'no_uid' },
  ]);
});

test('jobs refuses wrong calls with a hint', async () => {
  await using cli = testCli();
  const refused = (code: string) => ({ code: 2, document: { error: { code } } });
  const call = (...args: string[]) => cli.call(['jobs', ...args]);
  expect(await call('import', 'missing.ics')).toMatchObject(refused('tasks_not_found'));
  expect(await call('list', '--status', 'lost')).toMatchObject(refused('invalid_status'));
  expect(await call('list', '--limit', '0')).toMatchObject(refused('invalid_option'));
  expect(await call('cancel', 'asj_nonsense')).toMatchObject(refused('no_such_job'));
});

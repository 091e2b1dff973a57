// Tests task files on a disk: reading, watching, and the report of invalid lines.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTaskFiles, type TaskFilesOptions } from '../../src/schedule/tasks/files/task-files.ts';
import type { TaskChange } from '../../src/schedule/tasks/task-source.ts';
import { until } from '../support/until.ts';

const NOW = Date.UTC(2026, 3, 30);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-tasks-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const path = (name: string): string => join(folder, name);
const put = (name: string, text: string): void => {
  writeFileSync(path(name), text);
};
const todo = (uid: string, due: string): string =>
  `BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:${uid}\r\nDUE:${due}\r\nEND:VTODO\r\nEND:VCALENDAR\r\n`;
const open = (options: Partial<TaskFilesOptions> = {}) =>
  openTaskFiles({ path: folder, user: '42', now: () => NOW, ...options });

/** The changes that a listener gets, as `id` or `-id`. */
function listen(files: Awaited<ReturnType<typeof open>>) {
  const reported: string[] = [];
  const stop = new AbortController();
  const listening = (async () => {
    for await (const change of files.changes(stop.signal)) reported.push(nameOf(change));
  })();
  return {
    reported,
    hears: (name: string) => until(name, () => reported.includes(name)),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await listening;
    },
  };
}

function nameOf(change: TaskChange): string {
  if (change.kind === 'task') return `${change.task === undefined ? '-' : ''}${change.taskId}`;
  return `${change.block === undefined ? '-' : ''}${change.blockId}`;
}

describe('openTaskFiles with watch', () => {
  test('follows files that are created, changed, replaced and removed', async () => {
    put('a.ics', todo('first', '20260501T100000Z'));
    await using files = await open();
    await using heard = listen(files);
    await heard.hears('first');

    put('b.ics', todo('second', '20260501T100000Z'));
    await heard.hears('second');

    // In place: another entry in the same file.
    put('b.ics', todo('third', '20260501T100000Z'));
    await heard.hears('third');
    await heard.hears('-second');

    // Written beside it and renamed over it, as editors do.
    put('b.ics.tmp', todo('fourth', '20260501T100000Z'));
    renameSync(path('b.ics.tmp'), path('b.ics'));
    await heard.hears('fourth');
    await heard.hears('-third');

    rmSync(path('b.ics'));
    await heard.hears('-fourth');
    expect(heard.reported).not.toContain('-first');
    expect(await files.task('42', 'fourth')).toBeUndefined();
    expect(await files.task('42', 'first')).toMatchObject({ taskId: 'first' });
  });

  test('reports no change for unchanged entries', async () => {
    put('a.ics', todo('same', '20260501T100000Z'));
    await using files = await open();
    await using heard = listen(files);
    await heard.hears('same');
    put('a.ics', `\r\n${todo('same', '20260501T100000Z')}`);
    put('b.ics', todo('other', '20260501T100000Z'));
    await heard.hears('other');
    expect(heard.reported).toEqual(['same', 'other']);
  });

  test('keeps the last entries of a file that cannot be read', async () => {
    put('a.ics', todo('kept', '20260501T100000Z'));
    await using files = await open({ watch: false });
    rmSync(folder, { recursive: true });
    await expect(files.reload()).rejects.toThrow('ENOENT');
    expect(await files.task('42', 'kept')).toMatchObject({ taskId: 'kept' });
  });
});

describe('openTaskFiles of a folder', () => {
  test('takes the user id from the name of the subfolder', async () => {
    mkdirSync(path('ana'));
    mkdirSync(path('not an id!'));
    put('ana/a.ics', todo('hers', '20260501T100000Z'));
    put('not an id!/a.ics', todo('nobodys', '20260501T100000Z'));
    put('notes.txt', 'not a calendar');
    await using files = await open({ user: undefined, watch: false });
    expect(files.snapshot()).toMatchObject({ files: 2, imported: 1, failed: 1 });
    expect(files.snapshot().tasks).toMatchObject([{ userId: 'ana', taskId: 'hers' }]);
    expect(files.snapshot().problems).toMatchObject([{ code: 'no_user', component: 'VTODO' }]);
  });

  test('refuses a missing folder', async () => {
    const opening = openTaskFiles({ path: path('missing'), now: () => NOW });
    await expect(opening).rejects.toMatchObject({ kind: 'usage', code: 'tasks_not_found' });
  });

  test.each([
    ['UTF-16 with its mark', Buffer.from(`\ufeff${todo('wide', '20260501T100000Z')}`, 'utf16le')],
    ['UTF-8 with its mark', Buffer.from(`\ufeff${todo('wide', '20260501T100000Z')}`)],
  ])('is read in %s', async (_what, bytes) => {
    writeFileSync(path('a.ics'), bytes);
    await using files = await open({ watch: false });
    expect(files.snapshot().tasks).toMatchObject([{ taskId: 'wide' }]);
  });
});

describe('openTaskFiles of NDJSON', () => {
  const lines = (...all: (object | string)[]): string =>
    `${all.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')}\n`;
  const task = { kind: 'task', user_id: 42, task_id: 7 };
  const block = { kind: 'block', user_id: 'eve', block_id: 'b' };
  const times = { start_at: '2026-04-30T10:00:00+02:00', end_at: '2026-04-30T11:00:00+02:00' };

  test('reads one task or block per line; a later line replaces an earlier one', async () => {
    put(
      'a.ndjson',
      lines(
        { ...task, priority: 1, urgency_threshold_at: '2026-04-30T10:00:00+08:00' },
        { ...task, priority: 2, title: 'now so', estimated_sections: 9 },
        { ...task, task_id: 8 },
        { ...task, task_id: 8, deleted: true },
        { ...block, ...times, task_id: 7 },
      ),
    );
    await using files = await open({ watch: false });
    expect(files.snapshot()).toMatchObject({ imported: 5, failed: 0, problems: [] });
    expect(files.snapshot().tasks).toMatchObject([
      { userId: '42', taskId: '7', priority: 2, title: 'now so', estimatedSections: 4 },
    ]);
    const [found] = await files.blocks('eve', Date.UTC(2026, 3, 30, 8), Date.UTC(2026, 3, 30, 9));
    expect(found).toMatchObject({ blockId: 'b', taskId: '7', endAt: Date.UTC(2026, 3, 30, 9) });
    expect(await files.blocks('eve', Date.UTC(2026, 3, 30, 9), NOW * 2)).toEqual([]);
  });

  test('leaves out invalid lines and names their numbers', async () => {
    const backwards = { ...block, start_at: times.end_at, end_at: times.start_at };
    put(
      'a.ndjson',
      lines(task, 'nonsense', { ...task, priority: 9 }, { kind: 'chore' }, backwards, {
        ...task,
        task_id: 8,
        due: 'soon',
      }),
    );
    await using files = await open({ watch: false });
    const { imported, failed, problems } = files.snapshot();
    expect({ imported, failed }).toEqual({ imported: 1, failed: 5 });
    expect(problems.map(({ line, component }) => [line, component])).toEqual(
      [2, 3, 4, 5, 6].map((line) => [line, 'line']),
    );
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('JSON'),
      expect.stringContaining('priority'),
      expect.stringContaining('kind'),
      'end_at: comes before the start',
      expect.stringContaining('due'),
    ]);
  });
});

describe('openTaskFiles of a file that is broken', () => {
  test.each([
    ['is empty', ''],
    ['is a page of a web server', '<html><body>Please log in</body></html>'],
    ['has lost its end', 'BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:other\r\n'],
  ])('keeps the entries that it had when it %s', async (_what, text) => {
    put('a.ics', todo('kept', '20260501T100000Z'));
    await using files = await open({ watch: false });
    put('a.ics', text);
    await files.reload();
    expect(files.snapshot().failed).toBeGreaterThan(0);
    expect(await files.task('42', 'kept')).toMatchObject({ taskId: 'kept' });
    // A calendar without entries is a calendar: its entries are gone.
    put('a.ics', 'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n');
    await files.reload();
    expect(await files.task('42', 'kept')).toBeUndefined();
  });

  test('says that it does not know what was in it before the start', async () => {
    put('a.ics', '');
    put('b.ics', todo('known', '20260501T100000Z'));
    await using files = await open({ watch: false });
    expect(await files.task('42', 'known')).toMatchObject({ taskId: 'known' });
    await expect(files.task('42', 'unknown')).rejects.toMatchObject({ code: 'tasks_unreadable' });
  });

  test('counts one revision of an entry that two files hold, and a second read changes nothing', async () => {
    const revision = (n: number, due: string) => todo(`one\r\nSEQUENCE:${n}`, due);
    put('a.ics', revision(2, '20260501T150000Z'));
    put('b.ics', revision(1, '20260501T090000Z'));
    await using files = await open({ watch: false });
    await using heard = listen(files);
    await heard.hears('one');
    await files.reload();
    expect(heard.reported).toEqual(['one']);
    expect(files.snapshot().tasks).toMatchObject([{ deadlineAt: Date.UTC(2026, 4, 1, 15) }]);
  });
});

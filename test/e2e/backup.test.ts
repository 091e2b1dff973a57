// `tocsin backup` and `tocsin restore` by the command line: what a backup holds, what a restore refuses to replace, and
// what it says where parts do not fit.
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { raiseLine } from '../support/lines.ts';
import {
  projectedPartition,
  refused,
  testPartition,
  twice,
  type Partition,
} from '../support/partition.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const FILES = ['var/store.db', 'var/state.db'];

const backup = ({ cli, nats }: Partition, ...options: readonly string[]) =>
  cli.call(['backup', 'copy', '--nats', nats.url, ...options]);

const restore = ({ cli, nats }: Partition, ...options: readonly string[]) =>
  cli.call(['restore', 'copy', '--nats', nats.url, ...options]);

function lose({ cli }: Partition, files: readonly string[] = FILES): void {
  for (const file of files) {
    for (const end of ['', '-wal', '-shm']) rmSync(cli.path(`${file}${end}`), { force: true });
  }
}

const Restored = z.object({
  checks: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      code: z.string().optional(),
      hint: z.string().optional(),
    }),
  ),
});

/** The checks that need a decision. */
const decisions = ({ document }: { readonly document: unknown }) =>
  Restored.parse(document).checks.filter(({ status }) => status === 'failed');

test(
  'a backup beside a running store holds all parts, and a restore of it goes on without a message lost or sent twice',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using partition = await projectedPartition();
    const { cli } = partition;
    const store = ['--store', `embedded:${cli.path('var/store.db')}`];
    const server = cli.start(['store', ...store, '--listen', '127.0.0.1:0', '--json'], {
      open: true,
    });
    const [, url = ''] = await server.says(/"url":"(esdb:[^"]+)"/);
    expect(url).not.toBe('');
    const taken = await backup(partition, ...store);
    expect(taken).toMatchObject({
      code: 0,
      document: {
        name: 'tocsin',
        log: {
          kind: 'embedded',
          head: { position: expect.stringMatching(/^\d+\/\d+$/) as string },
        },
        list: { ordinal: '6', sequence: '6' },
        stream: { name: 'TOCSIN', lastSequence: '6', lastOrdinal: '6' },
        warnings: [],
      },
    });
    const folder = cli.path('copy');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of ['manifest.json', 'store.db', 'state.db']) {
      expect([name, statSync(join(folder, name)).mode & 0o777]).toEqual([name, 0o600]);
    }
    expect(readdirSync(folder).filter((name) => /-(wal|shm)$/.test(name))).toEqual([]);
    server.kill('SIGTERM');
    await server.ended();

    lose(partition);
    expect(await restore(partition)).toMatchObject({ code: 0 });
    for (const file of FILES) expect(statSync(cli.path(file)).mode & 0o777).toBe(0o600);
    await partition.raise(4, 4);
    expect(await partition.project()).toMatchObject({ code: 0, document: { published: 1 } });
    expect(await partition.users()).toEqual(twice(1, 4));
  },
);

test('a backup behind a server has the positions, and says that the log is not copied', async () => {
  await using partition = await projectedPartition();
  const { cli } = partition;
  const server = cli.start(
    ['store', '--store', 'embedded:var/store.db', '--listen', '127.0.0.1:0', '--json'],
    {
      open: true,
    },
  );
  const [, url = ''] = await server.says(/"url":"(esdb:[^"]+)"/);
  const taken = await backup(partition, '--store', url);
  expect(taken).toMatchObject({
    code: 0,
    document: { log: { kind: 'server' }, stream: { lastSequence: '6' } },
  });
  expect(existsSync(cli.path('copy/store.db'))).toBe(false);
  expect(await restore(partition, '--store', url, '--check')).toMatchObject({ code: 0 });
});

test('a backup replaces no other backup and no other files, and one that did not end is never restored', async () => {
  await using partition = await projectedPartition();
  const { cli } = partition;
  expect(await backup(partition)).toMatchObject({ code: 0 });
  refused(await backup(partition), 'backup_exists', /--force/);
  expect(await backup(partition, '--force')).toMatchObject({ code: 0 });
  writeFileSync(cli.path('copy/mine.txt'), 'keep');
  refused(await backup(partition, '--force'), 'backup_foreign', /new or an empty folder/);
  rmSync(cli.path('copy/mine.txt'));

  const state = readFileSync(cli.path('copy/state.db'));
  const changed = Buffer.from(state);
  changed.writeUInt8((changed.at(-1) ?? 0) ^ 1, changed.length - 1);
  writeFileSync(cli.path('copy/state.db'), changed);
  refused(await restore(partition), 'backup_damaged', /--only/);
  expect(await restore(partition, '--only', 'log')).toMatchObject({ code: 0 });
  writeFileSync(cli.path('copy/state.db'), state);
  rmSync(cli.path('copy/manifest.json'));
  refused(await restore(partition), 'backup_incomplete', /tocsin backup/);
  expect(await partition.project()).toMatchObject({ code: 0 });
});

test('a backup without NATS is whole, and exits with 1', async () => {
  await using partition = await projectedPartition();
  await partition.nats.stop();
  expect(await backup(partition)).toMatchObject({
    code: 1,
    document: { stream: null, warnings: [{ name: 'stream', status: 'failed' }] },
  });
  lose(partition);
  const restored = await restore(partition);
  expect(restored.code).toBe(1);
  expect(decisions(restored)).toMatchObject([{ name: 'stream' }]);
  expect(existsSync(partition.cli.path('var/store.db'))).toBe(true);
});

test('a restore refuses newer files and files of another log, and keeps what --force replaces', async () => {
  await using partition = await projectedPartition();
  const { cli } = partition;
  expect(await backup(partition)).toMatchObject({ code: 0 });
  await partition.raise(4, 4);
  await partition.project();
  refused(await restore(partition), 'target_newer', /--force/);
  expect(await partition.users()).toEqual(twice(1, 4));
  const forced = await restore(partition, '--force');
  // The stream has the messages of the user that the restored log does not know.
  expect(forced.code).toBe(1);
  expect(decisions(forced)).toMatchObject([{ name: 'output', code: 'output_ahead' }]);
  expect(decisions(forced)[0]?.hint).toMatch(/--from-now.*--resend-from/);
  expect(readdirSync(cli.path('var')).filter((name) => name.includes('.before-'))).not.toEqual([]);
  refused(await partition.project(), 'output_ahead', /--from-now/);

  await using other = await testPartition();
  await other.raise(71, 71);
  const store = ['--store', `embedded:${other.cli.path('var/store.db')}`];
  refused(await restore(partition, ...store), 'target_foreign', /Check the paths/);
});

test('a restore refuses while a process uses a file, and --check replaces nothing', async () => {
  await using partition = await projectedPartition();
  const { cli } = partition;
  expect(await backup(partition)).toMatchObject({ code: 0 });
  const server = cli.start(
    ['store', '--store', 'embedded:var/store.db', '--listen', '127.0.0.1:0'],
    { open: true },
  );
  await server.says(/Serving/);
  refused(await restore(partition), 'file_in_use', /Stop every process/);
  const before = readFileSync(cli.path('var/state.db'));
  expect(await restore(partition, '--check')).toMatchObject({
    code: 0,
    document: { restored: [] },
  });
  expect(readFileSync(cli.path('var/state.db'))).toEqual(before);
});

test('a restore names a vault that lacks the secrets of channels that the log names', async () => {
  await using partition = await projectedPartition();
  const { cli } = partition;
  const setChannel = async (user: string): Promise<void> => {
    const url = `https://www.feishu.cn/flow/api/trigger-webhook/${user.padStart(32, '0')}`;
    const put = ['channel', 'put', '--user', user];
    expect(await cli.json(put, { input: `${url}\n` })).toMatchObject({ code: 0 });
  };
  await setChannel('1');
  expect(await backup(partition)).toMatchObject({ code: 0, document: { vault: { records: 1 } } });
  await setChannel('2');
  refused(await restore(partition, '--only', 'vault'), 'target_newer', /--force/);
  const restored = await restore(partition, '--only', 'vault', '--force');
  expect(restored.code).toBe(1);
  expect(decisions(restored)).toMatchObject([{ name: 'vault', code: 'secrets_missing' }]);
});

test('a backup of a log that nothing was projected from holds the log alone', async () => {
  await using partition = await testPartition();
  const { cli } = partition;
  expect(await cli.json(['raise', '--file', '-'], { input: `${raiseLine(1)}\n` })).toMatchObject({
    code: 0,
  });
  // Nothing was projected: the backup has a log alone.
  expect(await backup(partition)).toMatchObject({
    code: 0,
    document: { list: null, stream: null },
  });
  lose(partition);
  expect(await restore(partition)).toMatchObject({ code: 0 });
  expect(await partition.project()).toMatchObject({ document: { published: 1 } });
});

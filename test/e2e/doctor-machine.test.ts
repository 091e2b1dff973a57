// What `tocsin doctor` finds on the machine: files, descriptors, room and clocks. It ends when a part hangs, and changes
// nothing.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkStoreClock, weighClock } from '../../src/cli/commands/doctor-clock.ts';
import { weighDescriptors, weighRoom } from '../../src/cli/commands/doctor-machine.ts';
import { needsOf } from '../../src/cli/commands/doctor-roles.ts';
import { testCli, type Cli } from '../support/cli.ts';
import { checksIn, diagnose } from '../support/doctor.ts';
import { freeze } from '../support/frozen.ts';
import { raiseLine } from '../support/lines.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { testPartition } from '../support/partition.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const main = join(import.meta.dirname, '../../src/cli/main.ts');

function aCli(): Cli {
  const cli = testCli();
  onTestFinished(() => cli[Symbol.asyncDispose]());
  return cli;
}

describe('doctor ends within its time', () => {
  test('when NATS takes connections and does not answer', { timeout: SLOW_TEST_MS }, async () => {
    const cli = aCli();
    await using nats = await testNatsServer();
    await cli.json(['raise', '--file', '-'], { input: `${raiseLine(1)}\n` });
    nats.freeze();
    const { code, document } = await cli.json([
      'doctor',
      '--nats',
      nats.url,
      ...['--timeout', '6', '--role', 'projector'],
    ]);
    nats.thaw();
    const { nats: found, store } = checksIn(document);
    expect(code).toBe(1);
    expect(found).toMatchObject({ status: 'failed' });
    expect(found?.code).toBe('check_timeout');
    expect(found?.hint).toContain('--timeout');
    expect(store).toMatchObject({ status: 'ok' });
  });

  test(
    'when the event store takes connections and does not answer',
    { timeout: SLOW_TEST_MS },
    async () => {
      const cli = aCli();
      await using nats = await testNatsServer();
      const store = cli.start(['store', '--store', 'embedded:a.db', '--listen', '127.0.0.1:0']);
      const [url] = await store.says(/esdb:[^;\s]+/);
      freeze(store.pid);
      // Long enough for the checks of NATS on a busy machine.
      const frozen = ['--store', url, '--nats', nats.url, '--timeout', '12'];
      const { code, document } = await cli.json(['doctor', ...frozen]);
      store.kill('SIGCONT');
      const checks = checksIn(document);
      expect(code).toBe(1);
      expect(checks['store']).toMatchObject({ status: 'failed' });
      expect(checks['append']).toBeUndefined();
      expect(checks['nats']).toMatchObject({ status: 'ok' });
    },
  );
});

test('doctor changes no file, no event and nothing in the stream', async () => {
  await using partition = await testPartition();
  const { cli, nats, stream } = partition;
  await partition.raise(1, 2);
  await partition.project();
  const manager = await stream.client.jetstreamManager();
  const seen = async () => {
    const { state } = await manager.streams.info('TOCSIN');
    const files = readdirSync(cli.path('var')).filter((name) => !/-(?:wal|shm)$/.test(name));
    return {
      messages: [state.messages, state.last_seq, state.consumer_count],
      files: files.map((name) => [name, readFileSync(cli.path('var', name)).toString('base64')]),
    };
  };
  const before = await seen();
  const roles = ['projector', 'standby', 'worker', 'api', 'start', 'notary'];
  for (const role of roles) {
    const { code, checks } = await diagnose(cli, ['--nats', nats.url, '--role', role]);
    expect([role, code]).toEqual([role, 0]);
    expect(checks['store']?.status).toBe('ok');
  }
  expect(await seen()).toEqual(before);
});

describe('files', () => {
  test('that this user cannot use, or that a command of root has made, are named', async () => {
    const cli = aCli();
    mkdirSync(cli.path('var'), { mode: 0o700 });
    await cli.call(['raise', '--file', emptyFile(cli)]);
    expect((await diagnose(cli, ['--role', 'store'])).checks['files']?.status).toBe('ok');
    const isRoot = process.getuid?.() === 0;
    // Root may use every file, so it looks for files that others cannot use.
    if (isRoot) chownSync(cli.path('var'), 12_345, 12_345);
    else chmodSync(cli.path('var/store.db'), 0);
    const { files } = (await diagnose(cli, ['--role', 'store'])).checks;
    expect(files).toMatchObject({
      status: isRoot ? 'warning' : 'failed',
      code: isRoot ? 'files_of_root' : 'files_unusable',
      detail: expect.stringContaining(cli.path('var/store.db')) as string,
    });
    chmodSync(cli.path('var/store.db'), 0o600);
  });

  test.each(['natsKey', 'natsCreds', 'notaryKey', 'messageKeyFile'])(
    'a secret file of %s that others can read is named',
    async (setting) => {
      const cli = aCli();
      const file = cli.path('secret');
      writeFileSync(file, 'x', { mode: 0o600 });
      writeFileSync(cli.path('tocsin.config.json'), JSON.stringify({ [setting]: file }));
      expect((await diagnose(cli, ['--role', 'api'])).checks['files']?.status).toBe('ok');
      chmodSync(file, 0o640);
      expect((await diagnose(cli, ['--role', 'api'])).checks['files']).toMatchObject({
        status: 'warning',
        code: 'files_open',
        detail: expect.stringContaining(file) as string,
      });
      expect(statSync(file).mode & 0o777).toBe(0o640);
    },
  );
});

function emptyFile(cli: Cli): string {
  writeFileSync(cli.path('lines.ndjson'), `${raiseLine(1)}\n`);
  return cli.path('lines.ndjson');
}

test('a low limit of open files is a warning for a role that serves clients', () => {
  const cli = aCli();
  const limited = `ulimit -n 300; exec "$0" "$@"`;
  const args = [process.execPath, main, 'doctor', '--json', '--role'];
  const found = (role: string) => {
    const options = { cwd: cli.folder, encoding: 'utf8' } as const;
    const text = execFileSync('bash', ['-c', limited, ...args, role], options);
    return checksIn(JSON.parse(text))['descriptors'];
  };
  expect(found('store')).toMatchObject({
    status: 'warning',
    code: 'descriptors_few',
    detail: 'only 300 open files are allowed; this role can need 4096',
  });
  expect(found('notary')).toMatchObject({ status: 'ok' });
  expect(weighDescriptors(undefined, needsOf('store'))).toMatchObject({ status: 'ok' });
});

test.each([
  [50, undefined, 'failed'],
  [500, undefined, 'warning'],
  [5_000, 10, 'failed'],
  [5_000, undefined, 'ok'],
  [5_000, 1_000_000, 'ok'],
] as const)('a disk with %i MiB and %s inodes is %s', (mib, freeInodes, status) => {
  const other = { path: '/other', freeBytes: 2 ** 40, freeInodes: undefined };
  const disk = { path: '/data', freeBytes: mib * 2 ** 20, freeInodes };
  const check = weighRoom([other, disk]);
  expect(check).toMatchObject({ status, detail: expect.stringContaining('/data') as string });
  if (status !== 'ok') expect(check).toMatchObject({ code: 'disk_full' });
});

test('the room on the disk of each file is shown', async () => {
  const cli = aCli();
  const { disk } = (await diagnose(cli, ['--role', 'store'])).checks;
  expect(disk?.detail).toMatch(/^[\d.]+ [KMGT]iB free at .*/);
});

describe('clocks', () => {
  test.each([
    [1_500, 0, 'ok'],
    [-2_500, 0, 'warning'],
    [-2_500, 1_200, 'ok'],
    [11_000, 1_000, 'failed'],
  ] as const)('a clock %i ms ahead, within %i ms, is %s', (aheadMs, withinMs, status) => {
    expect(weighClock('x', 'a server', { aheadMs, withinMs })).toMatchObject({ status });
  });

  test('the event store whose clock is wrong is named among its hosts', async () => {
    const hosts = await Promise.all(
      [0, 20_000].map(async (aheadMs) => {
        const server = createServer((_, response) => {
          response.setHeader('date', new Date(Date.now() + aheadMs).toUTCString());
          response.writeHead(401).end();
        });
        await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
        onTestFinished(() => void server.close());
        const address = server.address();
        return `127.0.0.1:${typeof address === 'object' ? address?.port : undefined}`;
      }),
    );
    const { signal } = new AbortController();
    const store = `esdb://${hosts.join(',')}?tls=false`;
    expect(await checkStoreClock(store, signal)).toMatchObject({
      status: 'failed',
      code: 'clock_wrong',
      detail: expect.stringContaining(`${hosts[1]} is`) as string,
    });
    expect(await checkStoreClock(`esdb://${hosts[0]}?tls=false`, signal)).toMatchObject({
      status: 'ok',
      detail: expect.stringContaining('agrees') as string,
    });
  });

  test('an event of the future tells of a writer whose clock is ahead', async () => {
    await using partition = await testPartition();
    const { cli, nats } = partition;
    await partition.raiseAgo(1, 1, 60_000);
    const doctor = async () => (await diagnose(cli, ['--nats', nats.url])).checks['log-clock'];
    expect(await doctor()).toMatchObject({ status: 'ok' });
    await partition.raiseAgo(2, 2, -3_600_000);
    expect(await doctor()).toMatchObject({ status: 'failed', code: 'clock_wrong' });
  });
});

test('a vault whose key is not given is found, and one whose key fits is not', async () => {
  const cli = aCli();
  const key = (name: string, byte: number): string => {
    writeFileSync(cli.path(name), Buffer.alloc(32, byte).toString('base64'), { mode: 0o600 });
    return cli.path(name);
  };
  const env = (file: string) => ({
    TOCSIN_VAULT: cli.path('var/vault.db'),
    TOCSIN_VAULT_KEY_FILE: file,
    TOCSIN_PRIVATE_WEBHOOKS: 'allow',
  });
  const right = env(key('right.key', 1));
  const put = ['channel', 'put', '--user', '1', '--channel', 'webhook'];
  const input = JSON.stringify({ url: 'http://127.0.0.1:9/hook' });
  expect(await cli.json(put, { env: right, input })).toMatchObject({ code: 0 });
  const { vault } = (await diagnose(cli, ['--role', 'api'], right)).checks;
  expect(vault).toMatchObject({ status: 'ok', detail: 'holds the secrets of 1 channels' });
  const wrong = await diagnose(cli, ['--role', 'api'], env(key('wrong.key', 2)));
  expect(wrong).toMatchObject({
    code: 1,
    checks: { vault: { status: 'failed', code: 'vault_key_wrong' } },
  });
});

test('the role of a store takes a file, and that of start needs no NATS server', async () => {
  const cli = aCli();
  const { code, document } = await cli.call([
    ...['doctor', '--role', 'store', '--store', 'esdb://127.0.0.1:1'],
  ]);
  expect([code, document]).toMatchObject([2, { error: { code: 'wrong_store' } }]);
  const { checks } = await diagnose(cli, ['--role', 'start']);
  expect(checks['nats']).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining('this role starts') as string,
  });
});

// Tests `tocsin start` from outside: first and second start, other terminals, signals and kills.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { QUIET_END, testCli, type Cli, type CliProcess } from '../support/cli.ts';
import { rawStream } from '../support/jetstream.ts';
import { raiseLine } from '../support/lines.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const RunSchema = z.object({
  pid: z.int(),
  store: z.string(),
  nats: z.string(),
  ownNats: z.boolean(),
  storeFile: z.string().optional(),
  http: z.string(),
  /** Absent with servers of the user. */
  receiver: z.string().optional(),
});

/** A live start, once it takes lines. */
async function liveStart(
  cli: Cli,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<CliProcess & { readonly run: z.infer<typeof RunSchema> }> {
  const start = cli.start(['start', ...args], { open: true, env });
  const run = await until('var/run.json', () => {
    if (start.isOver()) throw new Error(`it ended: ${start.stdout()}\n${start.stderr()}`);
    if (!existsSync(cli.path('var/run.json'))) return undefined;
    const found = readRun(cli);
    // A killed start has left its own.
    return found.pid === start.pid && found;
  });
  return { ...start, run };
}

function readRun(cli: Cli): z.infer<typeof RunSchema> {
  return RunSchema.parse(JSON.parse(readFileSync(cli.path('var/run.json'), 'utf8')));
}

async function isReady(http: string): Promise<boolean> {
  return (await fetch(`${http}/health/ready`)).ok;
}

async function metric(http: string, name: string): Promise<number> {
  const text = await (await fetch(`${http}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1]);
}

describe('start --once', { timeout: SLOW_TEST_MS }, () => {
  test('shows all results in an empty folder, and sends nothing in a second run', async () => {
    await using cli = testCli();
    const first = await cli.json(['start', '--once']);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    const Summary = z.object({
      read: z.int().positive(),
      raised: z.int().positive(),
      duplicates: z.int().positive(),
      rejected: z.literal(0),
      triggered: z.int(),
      published: z.int().positive(),
      suppressed: z.int().positive(),
      outputSequence: z.string(),
    });
    const summary = Summary.parse(first.document);
    // The example's calendar: one task urgent, one block over, one task of no importance, two that wait.
    expect(first.document).toMatchObject({ jobs: { scheduled: 5, triggered: 2, skipped: 1 } });
    expect(summary.triggered).toBe(summary.raised);
    expect(summary.outputSequence).toBe(String(summary.raised + summary.published));
    expect(cli.strays()).toEqual([]);

    const second = await cli.json(['start', '--once']);
    expect(second).toMatchObject({
      code: 0,
      document: { read: 0, events: 0, triggered: 0, published: 0, suppressed: 0 },
    });
    const noJobs = { scheduled: 0, triggered: 0, skipped: 0 };
    expect(second.document).toMatchObject({ raised: 0, jobs: noJobs });
    expect(second.document).toMatchObject({ outputSequence: summary.outputSequence });
    expect(existsSync(cli.path('var/run.json'))).toBe(false);
  });
});

describe('start without --once', { timeout: SLOW_TEST_MS }, () => {
  test('raises lines, shows their results, and serves other terminals', async () => {
    await using cli = testCli();
    const start = await liveStart(cli);
    const { http, nats } = start.run;
    await start.says(/40 lines: 34 raised, 6 duplicates/);
    await until('ready', () => isReady(http));
    const watch = cli.start(['watch', '--json', '--from', 'all']);
    start.write(`${raiseLine('eve')}\n${raiseLine('eve')}\n`);
    start.write(`${raiseLine('eve', { target_id: 8 })}\nnonsense\n`);
    await start.says(/duplicate {3}of ast_/);
    await start.says(
      /published {3}user eve {2}important_urgent_task {2}window 2026-04-30T02:00:00Z/,
    );
    await start.says(/suppressed {2}user eve .*within_window/);
    await start.says(/rejected {4}line 4: is not JSON/);
    await watch.says(/"type"|"ce-type":"notification.feishu.requested".*"eve"/);

    // From the example's calendar to its notifications.
    await start.says(/scheduled {3}task book-flight of dee/);
    await start.says(/raised {6}ast_\w+ {2}important_urgent_task of ana/);
    await start.says(/triggered {3}task thesis-outline of ana {2}ast_/);
    await start.says(/offered {5}proposal to ana: .*“Hand in the outline of the thesis”/);
    await start.says(/published {3}user ana {2}important_urgent_task/);
    await start.says(/offered {5}proposal to ben: .*“Calculus, sheet 7”/);
    await start.says(/published {3}user ben {2}unfinished_feedback/);
    await start.says(/skipped {5}task tidy-desk of cem {2}task_not_important/);

    await using stream = await rawStream(nats);
    await until('metrics', async () => (await metric(http, 'tocsin_output_sequence')) === 66);
    expect((await stream.last())?.sequence).toBe(66);
    await until('no message in flight', async () => {
      return (await metric(http, 'tocsin_in_flight_messages')) === 0;
    });

    // Other commands may read and raise; there is one start and one owner of the state file.
    expect((await cli.call(['raise', '--file', '/dev/null'])).code).toBe(0);
    expect((await cli.call(['audit', 'replay'])).document).toMatchObject({
      published: await metric(http, 'tocsin_notifications_published_total'),
    });
    expect(await cli.call(['doctor'])).toMatchObject({ code: 0 });
    expect((await cli.call(['park', 'list'])).document).toEqual({ parked: [] });
    const refused = await Promise.all([
      cli.json(['start', '--once']),
      cli.json(['project', '--once']),
    ]);
    expect(refused).toMatchObject([
      { code: 4, document: { error: { code: 'store_in_use' } } },
      { code: 4, document: { error: { code: 'read_model_in_use' } } },
    ]);
    expect(await isReady(http)).toBe(true);
    expect(readRun(cli)).toEqual(start.run);

    // Another account of the machine knows the ports, and not the credentials.
    const { password: storeToken } = new URL(start.run.store.replace('esdb:', 'http:'));
    const { password: natsPassword, host } = new URL(nats);
    expect(statSync(cli.path('var/run.json')).mode & 0o777).toBe(0o600);
    for (const others of [
      start.run.store.replace(storeToken, 'guess'),
      start.run.store.replace(/\/\/.*@/, '//'),
    ]) {
      expect(await cli.call(['token', 'list', '--store', others])).toMatchObject({ code: 2 });
      expect(await cli.call(['raise', '--file', '/dev/null', '--store', others])).not.toMatchObject(
        { code: 0 },
      );
    }
    await expect(rawStream(`nats://${host}`)).rejects.toThrow(/authorization/i);
    const said = start.stdout() + start.stderr() + watch.stdout() + watch.stderr();
    for (const secret of [storeToken, natsPassword]) {
      expect(secret).toHaveLength(43);
      expect(said).not.toContain(secret);
      const commandLines = execFileSync('ps', ['-axww', '-o', 'command='], { encoding: 'utf8' });
      expect(commandLines).not.toContain(secret);
    }

    watch.kill('SIGINT');
    expect(await watch.ended()).toMatchObject(QUIET_END);
    start.kill('SIGINT');
    expect(await start.ended()).toMatchObject(QUIET_END);
    expect(start.stdout()).toContain('Stopped; the next start goes on from here.');
    expect(cli.strays()).toEqual([]);
    expect(existsSync(cli.path('var/run.json'))).toBe(false);
  });

  test('prints JSON line by line, and raises all lines that are piped in', async () => {
    await using cli = testCli();
    const start = await liveStart(cli, ['--json']);
    start.write(`${raiseLine('eve')}\n`);
    start.endInput();
    await start.says(/"event":"published","user":"eve"/);
    await start.says(/"event":"published","user":"ben"/);
    await start.says(/"event":"skipped".*"code":"task_not_important"/);
    await start.says(/"event":"triggered".*"kind":"block"/);
    start.kill('SIGTERM');
    const { stdout, code } = await start.ended();
    expect(code).toBe(0);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => z.object({ event: z.string() }).parse(JSON.parse(line)).event);
    const ofJobs = ['scheduled', 'triggered', 'skipped', 'offered'];
    const ofTriggers = ['raised', 'duplicate', 'published', 'suppressed'];
    // A delivery may end before the process does, or not.
    const own = events.filter((event) => event !== 'heard');
    expect(new Set(own)).toEqual(new Set([...ofTriggers, ...ofJobs]));
  });

  test('stops at an early signal although stdin is open', async () => {
    await using cli = testCli();
    const start = cli.start(['start'], { open: true });
    await start.says(/Tocsin is up/);
    start.kill('SIGINT');
    expect(await start.ended()).toMatchObject({ code: 0 });
    expect(cli.strays()).toEqual([]);
  });

  test('ends at once at a second signal, and stops when its output is closed', async () => {
    await using cli = testCli();
    await using nats = await testNatsServer();
    const start = await liveStart(cli, [], { TOCSIN_NATS: nats.url });
    await until('ready', () => isReady(start.run.http));
    nats.freeze();
    start.write(`${raiseLine('eve')}\n`);
    await until(
      'in flight',
      async () => (await metric(start.run.http, 'tocsin_in_flight_messages')) > 0,
    );
    start.kill('SIGINT');
    await start.says(/a second signal ends the process at once/);
    start.kill('SIGINT');
    expect(await start.ended()).toMatchObject({ code: 130 });
    nats.thaw();
  });
});

describe('commands beside a start', { timeout: SLOW_TEST_MS }, () => {
  test('use its files, its stream and its vault, and ask for the key that it withholds', async () => {
    await using cli = testCli();
    const key = { TOCSIN_VAULT_KEY: Buffer.alloc(32, 7).toString('base64') };
    const settings = [
      ...['--name', 'acme', '--stream', 'ACME', '--subject-root', 'acme.'],
      ...['--state', 'own/state.db', '--worker', 'own/worker', '--vault', 'own/vault.db'],
    ];
    const start = await liveStart(cli, settings, key);
    await start.says(/Type or pipe/);
    expect(readFileSync(cli.path('var/run.json'), 'utf8')).not.toContain(key.TOCSIN_VAULT_KEY);

    const lines = cli.path('lines.ndjson');
    writeFileSync(lines, `${raiseLine('eve')}\n`);
    expect(await cli.call(['raise', '--file', lines])).toMatchObject({
      code: 2,
      document: {
        error: {
          code: 'setting_withheld',
          hint: expect.stringContaining('TOCSIN_VAULT_KEY') as string,
        },
      },
    });
    const raised = await cli.call(['raise', '--file', lines], { env: key });
    expect(raised).toMatchObject({ code: 0, document: { raised: 1 } });
    await start.says(/user eve/);
    // Personal data were sealed, in the vault of the start.
    expect(await cli.call(['forget', '--user', 'eve'], { env: key })).toMatchObject({
      code: 0,
      document: { keyShredded: true, readable: 0 },
    });
    expect(await cli.call(['audit', 'verify'])).toMatchObject({
      code: 0,
      document: { mismatches: [] },
    });
    // The worker takes the message in a moment after it was published.
    await until('the delivery', async () => {
      const { document } = await cli.call(['deliveries', 'list', '--user', 'eve']);
      return JSON.stringify(document).includes('"userId":"eve"');
    });
    // Another store is another deployment.
    expect(
      (await cli.call(['audit', 'replay', '--store', `embedded:${cli.path('other.db')}`])).document,
    ).toMatchObject({ error: {} });
    start.kill('SIGTERM');
    expect(await start.ended()).toMatchObject({ code: 0 });
  });
});

describe('start after a kill', { timeout: SLOW_TEST_MS }, () => {
  test('stops the left-over server and sends nothing twice', async () => {
    await using cli = testCli();
    for (const round of [1, 2]) {
      const start = await liveStart(cli);
      await start.says(/Type or pipe/);
      start.write(`${raiseLine('eve', { target_id: round })}\n`);
      await start.says(/user eve/);
      start.kill('SIGKILL');
      await start.ended();
      // The store ends with its parent, the NATS server does not.
      await until('the store to end', () => cli.strays().length === 1);
    }
    const last = await liveStart(cli);
    await until('ready', () => isReady(last.run.http));
    expect(cli.strays()).toHaveLength(2);
    await using stream = await rawStream(last.run.nats);
    const messages = await stream.all();
    const ids = messages.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(messages.map(({ ordinal }) => Number(ordinal))).toEqual(ids.map((_, i) => i + 1));
    expect(messages.filter(({ subject }) => subject.endsWith('.eve'))).toHaveLength(3);
    last.kill('SIGTERM');
    expect(await last.ended()).toMatchObject({ code: 0 });
    expect(cli.strays()).toEqual([]);
  });

  test('ignores the stale run file', async () => {
    await using cli = testCli();
    const start = await liveStart(cli);
    start.kill('SIGKILL');
    await start.ended();
    expect(existsSync(cli.path('var/run.json'))).toBe(true);
    const { document } = await cli.call(['doctor']);
    expect(JSON.stringify(document)).toContain('nats://127.0.0.1:4222');
  });
});

test(
  'start refuses a NATS server without its messages at once, although stdin is open',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using cli = testCli();
    await using nats = await testNatsServer();
    expect(await cli.json(['start', '--once'])).toMatchObject({ code: 0 });
    const env = { TOCSIN_NATS: nats.url };
    const once = await cli.json(['start', '--once'], { env });
    expect([once.code, once.document]).toMatchObject([4, { error: { code: 'output_missing' } }]);
    const live = await cli.start(['start'], { open: true, env }).ended();
    expect(live.code).toBe(4);
    expect(live.stderr).toContain('--from-now');
    rmSync(cli.path('var/examples-raised'));
    const again = await cli.json(['start', '--once']);
    expect(again.document).toMatchObject({ raised: 0, duplicates: 40, published: 0 });
  },
);

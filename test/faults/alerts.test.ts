// Each alert that docs/operating.md proposes fires on a real daemon, and health is red with the reason.
import { cpSync, readFileSync } from 'node:fs';
import { connect, type NatsConnection } from 'nats';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { testCli, type Cli, type CliProcess } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';
import { until } from '../support/until.ts';

const Ready = z.object({
  ready: z.boolean(),
  reasons: z.array(z.object({ code: z.string(), message: z.string() })),
});

type Daemon = {
  readonly process: CliProcess;
  /** The sum of a metric's values with these labels. */
  readonly metric: (name: string, labels?: string) => Promise<number>;
  readonly ready: () => Promise<z.infer<typeof Ready>>;
};

let cli: Cli;
let nats: TestNatsServer;
let store: CliProcess;
let env: Readonly<Record<string, string>>;

beforeEach(async () => {
  cli = testCli();
  nats = await testNatsServer();
  const cliHere = cli;
  const natsHere = nats;
  onTestFinished(async () => {
    await cliHere[Symbol.asyncDispose]();
    await natsHere[Symbol.asyncDispose]();
  });
  store = await serve('127.0.0.1:0');
  const [url] = await store.says(/esdb:[^;\s]+/);
  env = { TOCSIN_STORE: url, TOCSIN_NATS: nats.url };
});

async function serve(listen: string): Promise<CliProcess> {
  const process = cli.start(['store', '--store', 'embedded:a.db', '--listen', listen]);
  await process.says(/esdb:[^;\s]+/);
  return process;
}

async function daemon(...args: readonly string[]): Promise<Daemon> {
  const process = cli.start(args, { env });
  const [, http = ''] = await process.says(/"http":"([^"]+)"/);
  return {
    process,
    async metric(name, labels = '') {
      const text = await (await fetch(`${http}/metrics`)).text();
      const lines = text
        .split('\n')
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
      const values = lines
        .filter((line) => line.includes(labels))
        .map((line) => Number(line.split(' ').at(-1)));
      return values.reduce((sum, value) => sum + value, 0);
    },
    ready: async () => Ready.parse(await (await fetch(`${http}/health/ready`)).json()),
  };
}

/** A daemon that is ready. */
async function readyDaemon(...args: readonly string[]): Promise<Daemon> {
  const one = await daemon(...args);
  await until('ready', async () => (await one.ready()).ready);
  return one;
}

const worker = (...more: readonly string[]): Promise<Daemon> =>
  readyDaemon('start', '--mode', 'worker', ...more);

const raise = (user: string) =>
  cli.run(['raise', '--file', '-'], { env, input: `${raiseLine(user)}\n` });

async function isRed(one: Daemon, code: string, message: RegExp): Promise<void> {
  await until(`${code}: ${String(message)}`, async () => {
    const { ready, reasons } = await one.ready();
    return !ready && reasons.some((reason) => reason.code === code && message.test(reason.message));
  });
}

const grows = (one: Daemon, name: string, labels?: string) =>
  until(`${name} to grow`, async () => (await one.metric(name, labels)) > 1);

async function client(): Promise<NatsConnection> {
  const connection = await connect({ servers: nats.url });
  onTestFinished(() => connection.close());
  return connection;
}

const slow = { timeout: SLOW_TEST_MS };

test(
  'alerts of a stall, of a lag and of waiting parts fire when NATS does not answer',
  slow,
  async () => {
    const one = await worker();
    nats.freeze();
    onTestFinished(() => {
      nats.thaw();
    });
    await raise('eve');
    await grows(one, 'tocsin_stalled_seconds');
    // The first where the event was read before NATS was given up, and the second where it was not; the alert takes both.
    const lags = ['tocsin_lag_seconds', 'tocsin_head_lag_seconds'] as const;
    await until('a lag to grow', async () => {
      const seconds = await Promise.all(lags.map((name) => one.metric(name)));
      return seconds.some((each) => each > 1);
    });
    await grows(one, 'tocsin_part_waiting_seconds', 'part="nats"');
    await grows(one, 'tocsin_part_waiting_seconds', 'part="delivery-intake"');
    await isRed(one, 'part_waiting', /^nats has waited/);
    await isRed(one, 'part_waiting', /^delivery-intake has waited/);
    await one.process.says(/"part":"nats","reason":[^\n]*"a part waits"/);
    nats.thaw();
    await until('ready again', async () => (await one.ready()).ready);
  },
);

test('an alert of waiting parts fires without work when NATS is away', slow, async () => {
  const one = await readyDaemon('project');
  await nats.stop();
  await grows(one, 'tocsin_part_waiting_seconds', 'part="nats"');
  await isRed(one, 'part_waiting', /^nats has waited/);
});

test(
  'an alert of an event store that is away fires, and each process of the worker waits',
  slow,
  async () => {
    const one = await worker();
    store.kill('SIGKILL');
    await grows(one, 'tocsin_store_away_seconds');
    await isRed(one, 'store_away', /has been away/);
    for (const part of ['delivery-attempts', 'delivery-list', 'expiry']) {
      await grows(one, 'tocsin_part_waiting_seconds', `part="${part}"`);
      await isRed(one, 'part_waiting', new RegExp(`^${part} has waited`));
    }
    await serve(new URL((env['TOCSIN_STORE'] ?? '').replace('esdb', 'http')).host);
    await until('ready again', async () => (await one.ready()).ready);
  },
);

test('an alert of a waiting part fires when the consumer cannot be made', slow, async () => {
  const first = await readyDaemon('project');
  const manager = await (await client()).jetstreamManager();
  // Another consumer has the name, and its settings cannot be changed to those of a worker.
  await manager.consumers.add('TOCSIN', {
    durable_name: 'tocsin-delivery',
    ack_policy: 'none' as never,
  });
  first.process.kill('SIGTERM');
  await first.process.ended();
  const one = await daemon('start', '--mode', 'worker');
  await isRed(one, 'part_waiting', /^delivery-intake has waited .*cannot be created/);
  await grows(one, 'tocsin_part_waiting_seconds', 'part="delivery-intake"');
  expect(await one.metric('tocsin_part_running', 'part="delivery-intake"')).toBe(0);
});

test('alerts of a parked event and of a foreign message fire', slow, async () => {
  const one = await readyDaemon('project');
  (await client()).publish('notification.feishu.requested.aa.1', '{}');
  await raise('eve');
  await until(
    'a foreign message',
    async () => (await one.metric('tocsin_foreign_messages_total')) > 0,
  );
  await using log = eventStoreDb({ connectionString: env['TOCSIN_STORE'] ?? '' });
  const event = { id: crypto.randomUUID(), type: 'NotificationRequested', data: {}, metadata: {} };
  await log.append('tocsin.trigger-broken', 'no_stream', [event]);
  await until('a parked event', async () => (await one.metric('tocsin_parked')) > 0);
});

test('a standby alone does not count as active', slow, async () => {
  const one = await daemon('project', '--standby');
  await until('its metrics', async () => (await one.metric('tocsin_running')) === 1);
  expect(await one.metric('tocsin_active')).toBe(0);
});

test('the refusal of one process of a worker ends the daemon with 4', slow, async () => {
  const one = await worker();
  one.process.kill('SIGTERM');
  expect(await one.process.ended()).toMatchObject({ code: 0 });
  store.kill('SIGTERM');
  await store.ended();
  // The log of another store, with the worker's folder of this one.
  cpSync(cli.path('a.db'), cli.path('old.db'));
  const other = cli.start(['store', '--store', 'embedded:b.db', '--listen', '127.0.0.1:0']);
  const [url] = await other.says(/esdb:[^;\s]+/);
  env = { ...env, TOCSIN_STORE: url };
  const refused = await cli.run(
    [
      'start',
      '--mode',
      'worker',
      '--state',
      'var/other.db',
      '--stream',
      'OTHER',
      '--subject-root',
      'o.',
    ],
    { env },
  );
  expect(refused.code).toBe(4);
  expect(refused.stderr).toContain('belongs to another log');
});

test('docs/operating.md proposes these alerts', () => {
  const alerts =
    /^Alert on [\s\S]+?\n\n/m.exec(readFileSync('docs/operating.md', 'utf8'))?.[0] ?? '';
  const named = [...alerts.matchAll(/`(tocsin_\w+)/g)].map(([, name]) => name);
  expect(new Set(named)).toEqual(
    new Set([
      'tocsin_stalled_seconds',
      'tocsin_store_away_seconds',
      'tocsin_lag_seconds',
      'tocsin_part_waiting_seconds',
      'tocsin_part_running',
      'tocsin_parked',
      'tocsin_foreign_messages_total',
      'tocsin_resent_messages_total',
      'tocsin_active',
    ]),
  );
});

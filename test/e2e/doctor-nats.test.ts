// What `tocsin doctor` finds at a NATS server: rights, limits of the account, retention, replicas and the consumer. It
// leaves nothing there.
import { createServer } from 'node:http';
import {
  afterAll,
  beforeAll,
  beforeEach,
  afterEach,
  describe,
  expect,
  onTestFinished,
  test,
} from 'vitest';
import { AckPolicy, connect, nanos, type NatsConnection, type StreamConfig } from 'nats';
import { createConfig, planStream } from '../../src/adapters/nats/stream.ts';
import { testCli, type Cli } from '../support/cli.ts';
import { diagnose, type Diagnosis } from '../support/doctor.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';

/** An account of its own for each test, with an admin and a user who has these permissions. */
const accounts = {
  OPEN: '',
  PROJECTOR: `permissions: {
    publish: ["trigger.raised.>", "active_schedule.triggered.>", "notification.>", "schedule.apply.>", "mock.>",
      "$JS.API.INFO", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.CREATE.*", "$JS.API.STREAM.MSG.GET.*"],
    subscribe: ["_INBOX.>"] }`,
  NARROW: `permissions: {
    publish: ["trigger.raised.>", "active_schedule.triggered.>", "schedule.apply.>", "mock.>", "$JS.API.>", "$JS.ACK.>"],
    subscribe: ["_INBOX.>"] }`,
  DEAF: 'permissions: { subscribe: ["nothing"] }',
} as const;

const limits: Readonly<Record<string, string>> = {
  SMALL: '{ max_file: 1MB }',
  STREAMLESS: '{ max_streams: 1 }',
  CONSUMERLESS: '{ max_consumers: 1 }',
  BOUNDED: '{ max_file: 10MB, max_bytes_required: true }',
  ACKS: '{ max_ack_pending: 100 }',
};

const config = `accounts {
${Object.entries(accounts)
  .map(
    ([name, permissions]) => `  ${name}: { jetstream: enabled, users: [
    { user: admin-${name}, password: pw }, { user: ${name}, password: pw, ${permissions} }] }`,
  )
  .join('\n')}
${Object.entries(limits)
  .map(
    ([name, limit]) =>
      `  ${name}: { jetstream: ${limit}, users: [{ user: ${name}, password: pw }] }`,
  )
  .join('\n')}
}`;

let nats: TestNatsServer;
let cli: Cli;

beforeAll(async () => {
  nats = await testNatsServer({ config });
});
afterAll(() => nats[Symbol.asyncDispose]());
beforeEach(() => {
  cli = testCli();
});
afterEach(() => cli[Symbol.asyncDispose]());

const urlOf = (user: string): string => `nats://${user}:pw@127.0.0.1:${nats.port}`;

function doctor(user: string, ...args: readonly string[]): Promise<Diagnosis> {
  return diagnose(cli, ['--nats', urlOf(user), ...args]);
}

async function clientOf(user: string): Promise<NatsConnection> {
  const client = await connect({ servers: nats.url, user, pass: 'pw' });
  onTestFinished(() => client.close());
  return client;
}

/** A stream as a projector makes it, but for some settings. */
async function aStream(
  user: string,
  settings: Partial<StreamConfig> = {},
): Promise<NatsConnection> {
  const client = await clientOf(user);
  const manager = await client.jetstreamManager();
  const made = { ...createConfig(planStream({}), 'a test'), ...settings };
  await manager.streams.add({ ...made, name: 'TOCSIN' });
  onTestFinished(async () => {
    await manager.streams.delete('TOCSIN');
  });
  return client;
}

describe('permissions', () => {
  test('a projector needs no right of a worker, and a worker misses the rights to its consumer', async () => {
    const projector = await doctor('PROJECTOR', '--role', 'projector');
    expect(projector).toMatchObject({ code: 0, checks: { permissions: { status: 'ok' } } });
    expect(projector.checks['acks']).toBeUndefined();
    await aStream('admin-PROJECTOR');
    const { code, checks } = await doctor('PROJECTOR', '--role', 'worker');
    expect(code).toBe(1);
    expect(checks['permissions']).toMatchObject({ status: 'failed', code: 'nats_permissions' });
    for (const path of ['DURABLE.CREATE', 'INFO', 'MSG.NEXT']) {
      expect(checks['permissions']?.detail).toContain(
        `$JS.API.CONSUMER.${path}.TOCSIN.tocsin-delivery`,
      );
    }
    expect(checks['permissions']?.detail).not.toContain('STREAM');
    expect(checks['acks']).toMatchObject({ status: 'failed', code: 'nats_permissions' });
  });

  test('a subject that is missing is named, and no probe reaches a subscriber or the stream', async () => {
    const admin = await aStream('admin-NARROW');
    const seen: string[] = [];
    admin.subscribe('>', {
      callback: (_, { subject }) => {
        if (!/^(\$JS|_INBOX)/.test(subject)) seen.push(subject);
      },
    });
    await admin.flush();
    const { checks } = await doctor('NARROW', '--role', 'projector');
    expect(checks['permissions']).toMatchObject({
      status: 'failed',
      detail: 'this user may not publish to notification.probe.requested.probe.probe',
      hint: expect.stringContaining('docs/operating.md') as string,
    });
    await doctor('OPEN');
    await admin.flush();
    const manager = await admin.jetstreamManager();
    const { state } = await manager.streams.info('TOCSIN');
    expect([state.last_seq, state.consumer_count, seen]).toEqual([0, 0, []]);
  });

  test('an inbox without the right to subscribe is named', async () => {
    const { code, checks } = await doctor('DEAF', '--role', 'projector');
    expect(code).toBe(1);
    expect(checks['nats']).toMatchObject({ status: 'failed', code: 'nats_permissions' });
    expect(checks['permissions']?.detail).toContain('subscribe to _INBOX.>');
  });

  test('a notary is asked only for the subject of its heads', async () => {
    const heads = ['--role', 'notary', '--heads-subject', 'audit.heads'];
    expect((await doctor('NARROW', ...heads)).checks['permissions']).toMatchObject({
      status: 'failed',
      detail: 'this user may not publish to audit.heads',
    });
    const { checks } = await doctor('OPEN', ...heads);
    expect(checks['permissions']).toMatchObject({ status: 'ok' });
    expect(checks['stream']).toBeUndefined();
  });
});

describe('account', () => {
  test('storage that is nearly used up is a warning, and a full account a failure', async () => {
    const client = await aStream('SMALL');
    const jetStream = client.jetstream();
    const fill = async (messages: number): Promise<void> => {
      for (let i = 0; i < messages; i++) {
        await jetStream.publish('trigger.raised.a.b', new Uint8Array(100_000));
      }
    };
    expect((await doctor('SMALL')).checks['account']).toMatchObject({ status: 'ok' });
    await fill(9);
    expect((await doctor('SMALL')).checks['account']).toMatchObject({
      status: 'warning',
      code: 'account_limits',
      detail: expect.stringMatching(/8\d % of the storage of the account is used/) as string,
    });
    await jetStream.publish('trigger.raised.a.b', new Uint8Array(140_000));
    expect((await doctor('SMALL')).checks['account']).toMatchObject({ status: 'failed' });
  });

  test('a stream that cannot be made is found before the first start', async () => {
    const client = await clientOf('STREAMLESS');
    const manager = await client.jetstreamManager();
    await manager.streams.add({ name: 'OTHER', subjects: ['other'] });
    const full = await doctor('STREAMLESS', '--role', 'projector');
    expect(full.checks['account']?.detail).toContain('all 1 streams of the account are used');
    const bounded = await doctor('BOUNDED', '--role', 'projector');
    expect(bounded.checks['account']?.detail).toContain('wants max_bytes of each stream');
    expect([full.code, bounded.code]).toEqual([1, 1]);
  });

  test('a consumer that cannot be made concerns a worker only', async () => {
    const client = await aStream('CONSUMERLESS');
    const manager = await client.jetstreamManager();
    await manager.consumers.add('TOCSIN', { durable_name: 'other' });
    expect((await doctor('CONSUMERLESS', '--role', 'projector')).code).toBe(0);
    const { code, checks } = await doctor('CONSUMERLESS', '--role', 'worker');
    expect(code).toBe(1);
    expect(checks['account']?.detail).toContain('all 1 consumers of the account are used');
    expect((await doctor('ACKS', '--role', 'worker')).checks['account']?.detail).toMatch(
      /allows 100 open acknowledgements/,
    );
  });
});

describe('stream', () => {
  test('replicas are compared with the setting, before the stream is made and afterwards', async () => {
    const asked = ['--nats-replicas', '3'];
    expect((await doctor('OPEN', ...asked)).checks['replicas']).toMatchObject({
      status: 'failed',
      hint: expect.stringContaining('one server cannot hold replicas') as string,
    });
    await aStream('OPEN');
    expect((await doctor('OPEN')).checks['replicas']).toMatchObject({ status: 'ok' });
    expect((await doctor('OPEN', ...asked)).checks['replicas']).toMatchObject({
      status: 'failed',
      detail: 'the stream has 1, the setting asks for 3',
      hint: expect.stringContaining('nats stream edit TOCSIN --replicas 3') as string,
    });
  });

  test('a limit of age below the life of a notification is a warning', async () => {
    await aStream('OPEN', { max_age: nanos(60_000) });
    expect((await doctor('OPEN')).checks['retention']).toMatchObject({
      status: 'warning',
      code: 'retention_short',
      detail: 'max_age 60 seconds, but notifications can be delivered for 60 minutes',
    });
  });

  test('a limit of messages is a warning once it discards messages that are not old', async () => {
    const client = await aStream('OPEN', { max_msgs: 2 });
    const publish = () => client.jetstream().publish('trigger.raised.a.b', 'x');
    await publish();
    await publish();
    expect((await doctor('OPEN')).checks['retention']).toMatchObject({ status: 'ok' });
    await publish();
    expect((await doctor('OPEN')).checks['retention']).toMatchObject({
      status: 'warning',
      detail: expect.stringContaining('max_msgs 2: the stream holds 0') as string,
    });
  });

  test('a consumer that gives messages up, and one whose acknowledgements stand still, fail', async () => {
    const client = await aStream('OPEN');
    const manager = await client.jetstreamManager();
    const durable = {
      durable_name: 'tocsin-delivery',
      ack_policy: AckPolicy.Explicit,
      filter_subject: 'notification.*.requested.>',
    };
    await manager.consumers.add('TOCSIN', { ...durable, max_deliver: 3 });
    expect((await doctor('OPEN')).checks['consumer']).toMatchObject({
      status: 'failed',
      code: 'consumer_settings',
      detail: expect.stringContaining('max_deliver is 3') as string,
    });
    await manager.consumers.delete('TOCSIN', 'tocsin-delivery');
    await manager.consumers.add('TOCSIN', { ...durable, max_ack_pending: 1 });
    await client.jetstream().publish('notification.feishu.requested.a.b', 'x');
    expect((await doctor('OPEN')).checks['consumer']).toMatchObject({ status: 'ok' });
    await (await client.jetstream().consumers.get('TOCSIN', 'tocsin-delivery')).next();
    expect((await doctor('OPEN')).checks['consumer']).toMatchObject({
      status: 'failed',
      code: 'consumer_full',
    });
  });
});

test.each([
  [-3_600_000, 'failed', /60 minutes behind/],
  [5_000, 'warning', /ahead of/],
  [0, 'ok', /agrees with this machine/],
] as const)('a clock that is %i ms ahead is %s', async (aheadMs, status, detail) => {
  const monitor = createServer((_, response) => {
    response.setHeader('date', new Date(Date.now() + aheadMs).toUTCString()).end();
  });
  await new Promise<void>((done) => monitor.listen(0, '127.0.0.1', done));
  onTestFinished(() => void monitor.close());
  const address = monitor.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const { checks } = await doctor('OPEN', '--nats-monitor', `http://127.0.0.1:${port}`);
  expect(checks['nats-clock']).toMatchObject({
    status,
    detail: expect.stringMatching(detail) as string,
  });
});

// The settings of an existing stream: refused settings and warnings, each by name.
import { connect } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redactUrl } from '../../src/adapters/nats/options.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import {
  createConfig,
  describeStream,
  isAtLeast,
  planStream,
  streamInfoSchema,
  subjectCovers,
} from '../../src/adapters/nats/stream.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';

const plan = planStream({});

/** What the port says of a stream with these settings, on a server of this version. */
function judged(settings: Record<string, unknown>, version = '2.9.10') {
  const info = streamInfoSchema.parse({
    created: '2026-01-01T00:00:00Z',
    config: { ...createConfig(plan, 'd'), ...settings },
    state: { first_seq: 0, last_seq: 0 },
  });
  const { faults, warnings } = describeStream(plan, info, version);
  return { faults, warnings };
}

test('a stream with createConfig has no faults', () => {
  expect(judged({})).toEqual({ faults: [], warnings: [] });
  expect(judged({ sources: null, mirror: null, subject_transform: null })).toEqual({
    faults: [],
    warnings: [],
  });
});

describe('describeStream names as a fault', () => {
  test.for([
    ['retention', { retention: 'workqueue' }],
    ['retention', { retention: 'interest' }],
    ['storage', { storage: 'memory' }],
    ['deny_delete', { deny_delete: false }],
    ['deny_purge', { deny_purge: false }],
    ['no_ack', { no_ack: true }],
    ['sealed', { sealed: true }],
    ['mirror', { mirror: { name: 'OTHER' } }],
    ['sources', { sources: [{ name: 'OTHER' }] }],
    ['subject_transform', { subject_transform: { src: '>', dest: 'x.>' } }],
    ['allow_rollup_hdrs', { allow_rollup_hdrs: true }],
    ['allow_msg_counter', { allow_msg_counter: true }],
    ['allow_msg_schedules', { allow_msg_schedules: true }],
    ['subject_delete_marker_ttl', { subject_delete_marker_ttl: 1 }],
    ['persist_mode', { persist_mode: 'async' }],
    ['max_msg_size', { max_msg_size: 300 * 1024 - 1 }],
    ['subjects', { subjects: plan.subjects.slice(1) }],
    ['subjects', { subjects: [] }],
  ] as const)('%s', ([name, settings]) => {
    const { faults } = judged(settings);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(new RegExp(`^${name}\\b`));
  });

  test('no larger limits and no wider subjects', () => {
    expect(judged({ max_msg_size: 300 * 1024 }).faults).toEqual([]);
    expect(judged({ subjects: ['>'] }).faults).toEqual([]);
  });
});

describe('describeStream warns of', () => {
  test.for([
    ['max_age', { max_age: 1_000_000_000 }],
    ['max_bytes', { max_bytes: 1_000 }],
    ['max_msgs', { max_msgs: 10 }],
    ['max_msgs_per_subject', { max_msgs_per_subject: 1 }],
    ['allow_msg_ttl', { allow_msg_ttl: true }],
    ['discard', { discard: 'new' }],
    ['discard_new_per_subject', { discard_new_per_subject: true }],
    ['subjects', { subjects: [...plan.subjects, 'other.>'] }],
    ['republish', { republish: undefined }],
    ['republish', { republish: { src: '>', dest: 'elsewhere.>' } }],
    ['republish', { republish: { src: '>', dest: 'live.>', headers_only: true } }],
    ['replicas', { num_replicas: 3 }],
  ] as const)('%s', ([name, settings]) => {
    const { faults, warnings } = judged(settings);
    expect(faults).toEqual([]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(new RegExp(`^${name}\\b`));
  });

  test('no replicas from 2.10.26 on', () => {
    expect(judged({ num_replicas: 3 }, '2.10.26').warnings).toEqual([]);
    expect(judged({ num_replicas: 3 }, '2.10.25').warnings).toHaveLength(1);
  });
});

describe('describeStream with a real server', () => {
  let server: TestNatsServer;
  beforeAll(async () => {
    server = await testNatsServer();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });

  test.for([
    ['retention', { retention: 'workqueue' }],
    ['storage', { storage: 'memory' }],
    ['deny_delete', { deny_delete: false }],
    ['deny_purge', { deny_purge: false }],
    ['no_ack', { no_ack: true }],
    ['max_msg_size', { max_msg_size: 1_024 }],
    ['subjects', { subjects: plan.subjects.slice(1) }],
    ['sources', { sources: [{ name: 'NOWHERE' }] }],
    ['allow_rollup_hdrs', { allow_rollup_hdrs: true, deny_purge: false }],
  ] as const)('finds %s of a foreign stream', async ([name, settings]) => {
    const client = await connect({ servers: server.url });
    const config = { ...createConfig(plan, ''), ...settings };
    const made = await client.request('$JS.API.STREAM.CREATE.TOCSIN', JSON.stringify(config));
    expect(made.string()).not.toContain('"error"');
    await using session = await jetStreamOutput({ servers: server.url }).connect();
    const faults = (await session.info())?.faults ?? [];
    expect(faults.map((fault) => fault.split(/[ :]/)[0])).toContain(name);
    await client.request('$JS.API.STREAM.DELETE.TOCSIN');
    await client.close();
  });

  test('returns the first sequence of a stream that dropped its oldest messages', async () => {
    const client = await connect({ servers: server.url });
    const config = { ...createConfig(plan, ''), max_msgs: 3 };
    await client.request('$JS.API.STREAM.CREATE.TOCSIN', JSON.stringify(config));
    await using session = await jetStreamOutput({ servers: server.url }).connect();
    const subject = 'notification.feishu.requested.00.1';
    const message = { subject, headers: [], data: new Uint8Array(1) };
    await session.publish(
      1n,
      Array.from({ length: 10 }, () => message),
    );
    expect(await session.info()).toMatchObject({ firstSequence: 8n, lastSequence: 10n });
    expect(await session.read(7n)).toBeUndefined();
    expect(await session.read(8n)).toMatchObject({ subject });
    await client.request('$JS.API.STREAM.DELETE.TOCSIN');
    await client.close();
  });
});

describe('planStream', () => {
  test.for(['', 'a.b', 'a b', '*', '>', 'a/b', 'ü', 'x'.repeat(65)])(
    'refuses the stream name %j',
    (name) => {
      expect(() => planStream({ stream: name })).toThrow(/stream name/);
    },
  );

  test.for(['acme', '.', 'a..', '*.', '>.', 'a b.', 'mock.', 'live.', 'live.a.', '$JS.'])(
    'no subject root is %j',
    (root) => {
      expect(() => planStream({ subjectRoot: root })).toThrow(/subject root/);
    },
  );

  test('puts the root before mock', () => {
    expect(planStream({ subjectRoot: 'acme.eu.' }).subjects).toEqual([
      'acme.eu.trigger.raised.*.*',
      'acme.eu.active_schedule.triggered.*.*',
      'acme.eu.notification.*.requested.*.*',
      'acme.eu.schedule.apply.*.*.*',
      'acme.eu.mock.trigger.raised.*.*',
      'acme.eu.mock.active_schedule.triggered.*.*',
      'acme.eu.mock.notification.*.requested.*.*',
      'acme.eu.mock.schedule.apply.*.*.*',
    ]);
  });

  test.for([
    ['>', 'a.b', true],
    ['a.>', 'a.b.*', true],
    ['a.>', 'a', false],
    ['a.*', 'a.b', true],
    ['a.*', 'a.*', true],
    ['a.b', 'a.*', false],
    ['a.*', 'a.>', false],
    ['a.*.*', 'a.b', false],
    ['a.*', 'a.b.c', false],
  ] as const)('subjectCovers(%s, %s) is %s', ([wide, narrow, covers]) => {
    expect(subjectCovers(wide, narrow)).toBe(covers);
  });

  test.for([
    ['2.10.26', true],
    ['v2.10.26-RC.1', true],
    ['2.11.0', true],
    ['3.0.0', true],
    ['2.10.25', false],
    ['2.9.99', false],
    ['unknown', false],
  ] as const)('isAtLeast(%s, 2.10.26) is %s', ([version, expected]) => {
    expect(isAtLeast(version, [2, 10, 26])).toBe(expected);
  });
});

describe('addresses of NATS', () => {
  test.for([
    ['nats://user:secret@host:4222', 'nats://host:4222'],
    ['tls://secret@host', 'tls://host'],
    ['user:secret@host:1', 'nats://host:1'],
    ['nats://a:secret@x:1, nats://b:secret@[::1]:2', 'nats://x:1,nats://[::1]:2'],
    ['nats://user:secret@', '(not an address)'],
    ['secret@:::', '(not an address)'],
    ['https://secret@host', '(not an address)'],
  ] as const)('redactUrl shows %s as %s', ([url, shown]) => {
    expect(redactUrl(url)).toBe(shown);
  });

  test.for([
    [''],
    ['http://host'],
    ['nats://host/path'],
    ['nats://a%zz:b@host'],
    ['nats://a:1@x,nats://b:2@y'],
  ])('a connection to %j fails as wrong usage', async ([servers = '']) => {
    await expect(jetStreamOutput({ servers }).connect()).rejects.toMatchObject({ kind: 'usage' });
  });

  test('missing files are named', async () => {
    for (const options of [
      { tls: { ca: '/no/ca.pem' } },
      { credentials: { credsFile: '/no/x' } },
    ]) {
      const connecting = jetStreamOutput({ servers: 'localhost', ...options }).connect();
      await expect(connecting).rejects.toMatchObject({ kind: 'usage', code: 'nats_file' });
    }
  });
});

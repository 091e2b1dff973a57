// The output on a real server: crashes, frozen servers, permissions, limits, and other subscribers.
import { connect, DiscardPolicy, type NatsConnection } from 'nats';
import { afterEach, describe, expect, test } from 'vitest';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import type { Output, OutputSession } from '../../src/projections/output.ts';
import {
  failureOf,
  idsTo,
  listMessage,
  listMessages,
  storedIds,
} from '../../src/facade/contracts/output.ts';
import { testNatsServer, type TestNatsOptions } from '../support/nats-server.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const cleanups: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of cleanups.splice(0).reverse()) await resource[Symbol.asyncDispose]();
});

async function open(options?: TestNatsOptions) {
  const server = await testNatsServer(options);
  cleanups.push(server);
  return server;
}

async function session(output: Output): Promise<OutputSession> {
  const opened = await output.connect();
  cleanups.push(opened);
  return opened;
}

async function client(url: string, options: { user?: string; pass?: string } = {}) {
  const opened = await connect({ servers: url, ...options });
  cleanups.push({ [Symbol.asyncDispose]: () => opened.close() });
  return opened;
}

async function tocsinError(promise: Promise<unknown>): Promise<TocsinError> {
  const error: unknown = await promise.then(
    () => 'no error',
    (reason: unknown) => reason,
  );
  if (error instanceof TocsinError) return error;
  throw new Error(`expected a TocsinError, got ${String(error)}`);
}

/** Publishes the list from where the stream ends until `last`, in calls of 100, over new sessions. */
async function projectTo(output: Output, last: number, isUp: () => Promise<void>): Promise<number> {
  for (let failures = 0; ; failures += 1) {
    try {
      await using opened = await output.connect();
      const stored = Number((await opened.info())?.lastSequence);
      const calls: Promise<void>[] = [];
      for (let next = stored + 1; next <= last; next += 100) {
        calls.push(opened.publish(BigInt(next), listMessages(next, Math.min(next + 99, last))));
      }
      await Promise.all(calls);
      return failures;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'OutputError') throw error;
      await isUp();
    }
  }
}

describe('jetStreamOutput with a failing server', () => {
  test(
    'stores the list once and in order over a kill and restart while publishing',
    { timeout: SLOW_TEST_MS },
    async () => {
      const server = await open();
      const output = jetStreamOutput({ servers: server.url });
      await (await session(output)).create('');
      const first = await session(output);
      let last = 0;
      const publishMore = (): Promise<void> => {
        last += 100;
        return first.publish(BigInt(last - 99), listMessages(last - 99, last));
      };
      // As fast as it acknowledges, until it is gone: something is always on its way.
      let acknowledged = 0;
      let crashed: Promise<void> | undefined;
      const publisher = async (): Promise<void> => {
        for (;;) {
          await publishMore();
          acknowledged += 100;
          if (acknowledged >= 1_000) crashed ??= server.crash();
        }
      };
      const ends = await Promise.allSettled(Array.from({ length: 8 }, publisher));
      await crashed;
      expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['rejected']));
      expect(acknowledged).toBeGreaterThanOrEqual(1_000);

      const down = jetStreamOutput({ servers: server.url }).connect();
      expect(await failureOf(down)).toMatchObject({ kind: 'unavailable' });

      await server.restart();
      const after = await session(output);
      expect(Number((await after.info())?.lastSequence)).toBeGreaterThanOrEqual(acknowledged);
      await projectTo(output, last, () => Promise.reject(new Error('it was up')));
      expect(await storedIds(after)).toEqual(idsTo(last));
    },
  );

  test(
    'stores the list once and in order over five kills with two projectors',
    { timeout: SLOW_TEST_MS },
    async () => {
      const server = await open();
      const output = jetStreamOutput({ servers: server.url });
      await (await session(output)).create('');
      const last = 20_000;
      let restarted = Promise.resolve();
      const projectors = [1, 2].map(() => projectTo(output, last, () => restarted));
      for (let crashes = 1; crashes <= 5; crashes++) {
        await using observer = await output.connect();
        await expect
          .poll(async () => Number((await observer.info())?.lastSequence), { interval: 1 })
          .toBeGreaterThan((last / 10) * crashes);
        restarted = server.crash().then(() => server.restart());
        await restarted;
      }
      await Promise.all(projectors);
      const final = await session(output);
      expect(await final.info()).toMatchObject({ lastSequence: BigInt(last) });
      expect(await storedIds(final, BigInt(last - 4_999))).toEqual(idsTo(last, last - 4_999));
    },
  );

  test('ends the session when the server freezes, and ignores its late acks', async () => {
    const server = await open();
    const output = jetStreamOutput({ servers: server.url, stallAfterMs: 2_000 });
    const first = await session(output);
    await first.create('');
    await first.publish(1n, listMessages(1, 10));
    server.freeze();
    const lost = first.publish(11n, listMessages(11, 20));
    expect(await failureOf(lost)).toEqual({
      kind: 'unavailable',
      message: 'no ack after 10 for 2000 ms',
    });
    server.thaw();
    // What the dead session had sent may be stored or not; the stream says it, and nobody else.
    await projectTo(output, 200, () => Promise.resolve());
    expect(await storedIds(await session(output))).toEqual(idsTo(200));
  });

  test('stops connecting to a frozen server with the signal', async () => {
    const server = await open();
    server.freeze();
    const controller = new AbortController();
    const connecting = jetStreamOutput({ servers: server.url }).connect(controller.signal);
    controller.abort(new Error('enough'));
    await expect(connecting).rejects.toThrow('enough');
    server.thaw();
  });

  test('fails to connect to a frozen server after the timeout', async () => {
    const server = await open();
    server.freeze();
    const connecting = jetStreamOutput({ servers: server.url, connectTimeoutMs: 100 }).connect();
    expect(await failureOf(connecting)).toMatchObject({ kind: 'unavailable' });
    server.thaw();
  });
});

describe('jetStreamOutput refuses a server', () => {
  test('without JetStream', async () => {
    const server = await open({ jetStream: false });
    const error = await tocsinError(jetStreamOutput({ servers: server.url }).connect());
    expect(error).toMatchObject({ kind: 'unavailable', code: 'nats_no_jetstream' });
    expect(error.hint).toContain('-js');
  });

  test('with JetStream switched off for the account', async () => {
    const server = await open({
      config: `accounts { A { users [{user: a, password: pw}] }, B { jetstream: enabled, users [{user: b, password: pw}] } }`,
    });
    const credentials = { user: 'a', password: 'pw' };
    const error = await tocsinError(
      jetStreamOutput({ servers: server.url, credentials }).connect(),
    );
    expect(error.code).toBe('nats_no_jetstream');
  });

  test('that rejects the password, without showing it', async () => {
    const server = await open({ config: 'authorization { user: "u", password: "p@ss:1/word" }' });
    const { port } = server;
    for (const servers of [
      `nats://u:wrong-secret@127.0.0.1:${port}`,
      `wrong-secret@127.0.0.1:${port}`,
    ]) {
      const error = await tocsinError(jetStreamOutput({ servers }).connect());
      expect(error).toMatchObject({ kind: 'usage', code: 'nats_credentials' });
      expect(JSON.stringify([error.message, error.hint, String(error.cause)])).not.toContain(
        'wrong',
      );
      expect(error.message).toContain(`nats://127.0.0.1:${port}`);
    }
    const known = `nats://u:${encodeURIComponent('p@ss:1/word')}@127.0.0.1:${port}`;
    await (await session(jetStreamOutput({ servers: known }))).create('');
    const credentials = { user: 'u', password: 'p@ss:1/word' };
    const apart = await session(jetStreamOutput({ servers: server.url, credentials }));
    expect(await apart.info()).toBeDefined();
  });

  test('that requires another token', async () => {
    const server = await open({ config: 'authorization { token: "t0ken" }' });
    const url = `nats://t0ken@127.0.0.1:${server.port}`;
    expect(await (await session(jetStreamOutput({ servers: url }))).info()).toBeUndefined();
    const credentials = { token: 't0ken' };
    const apart = await session(jetStreamOutput({ servers: server.url, credentials }));
    expect(await apart.info()).toBeUndefined();
  });

  test('without TLS when TLS is required', async () => {
    const server = await open();
    const error = await tocsinError(
      jetStreamOutput({ servers: `tls://127.0.0.1:${server.port}` }).connect(),
    );
    expect(error).toMatchObject({ kind: 'usage', code: 'nats_tls' });
  });
});

describe('jetStreamOutput with refused messages', () => {
  test.for([
    ['a header with a line break', { headers: [['ce-id', 'a\r\nNats-Rollup: all']] }],
    ['a header name with a colon', { headers: [['a:b', 'c']] }],
    ['a header that is not ASCII', { headers: [['ce-id', 'ü']] }],
    ['a subject with a blank', { subject: 'notification.feishu.requested.00.a b' }],
    ['a subject with a wildcard', { subject: 'notification.feishu.requested.00.*' }],
    ['a subject with an empty token', { subject: 'notification..requested.00.1' }],
    ['more bytes than the server takes', { data: new Uint8Array(2 * 1024 * 1024) }],
  ] as const)('rejects %s', async ([, part]) => {
    const server = await open();
    const opened = await session(jetStreamOutput({ servers: server.url }));
    await opened.create('');
    const good = opened.publish(1n, [listMessage(1)]);
    await good;
    const call = opened.publish(2n, [listMessage(2), { ...listMessage(3), ...part }]);
    const failure = await failureOf(call);
    expect(failure).toMatchObject({ kind: 'rejected' });
    expect(failure.message).toContain('message 3');
  });

  test('rejects a message over the stream’s size, and is unavailable for a full stream', async () => {
    const server = await open();
    const raw = await client(server.url);
    const { streams } = await raw.jetstreamManager();
    await streams.add({ ...baseConfig, max_msg_size: 1_000 });
    const output = jetStreamOutput({ servers: server.url });
    const large = { ...listMessage(1), data: new Uint8Array(2_000) };
    expect(await failureOf((await session(output)).publish(1n, [large]))).toMatchObject({
      kind: 'rejected',
    });
    await streams.update('TOCSIN', { ...baseConfig, max_msgs: 2, discard: DiscardPolicy.New });
    expect(await failureOf((await session(output)).publish(1n, listMessages(1, 3)))).toMatchObject({
      kind: 'unavailable',
      message: 'message 3 was refused: maximum messages exceeded (10077)',
    });
  });

  test('rejects and names a publish that the server forbids', async () => {
    const server = await open({
      config: `authorization { users: [{ user: u, password: p, permissions: { publish: { deny: "notification.>" } } }] }`,
    });
    const output = jetStreamOutput({
      servers: server.url,
      credentials: { user: 'u', password: 'p' },
    });
    const opened = await session(output);
    await opened.create('');
    expect(await failureOf(opened.publish(1n, listMessages(1, 50)))).toEqual({
      kind: 'rejected',
      message: `the server forbids the publish ${listMessage(1).subject}`,
    });
  });

  test('fails as wrong usage without permission for the API', async () => {
    const server = await open({
      config: `authorization { users: [{ user: u, password: p, permissions: { publish: { deny: "$JS.>" } } }] }`,
    });
    const credentials = { user: 'u', password: 'p' };
    const error = await tocsinError(
      jetStreamOutput({ servers: server.url, credentials }).connect(),
    );
    expect(error).toMatchObject({ kind: 'usage', code: 'nats_permissions' });
  });

  test('rejects subjects of another stream', async () => {
    const server = await open();
    const raw = await client(server.url);
    const { streams } = await raw.jetstreamManager();
    await streams.add({ name: 'OTHER', subjects: ['notification.>'] });
    const opened = await session(jetStreamOutput({ servers: server.url }));
    expect(await failureOf(opened.create(''))).toMatchObject({ kind: 'rejected' });
    expect(await failureOf(opened.publish(1n, listMessages(1, 3)))).toMatchObject({
      kind: 'rejected',
      message: 'message 1 was refused: expected stream does not match (10060)',
    });
  });
});

describe('subjects of jetStreamOutput', () => {
  test('show core subscribers each stored message once under live.', async () => {
    const server = await open();
    const raw = await client(server.url);
    const [live, direct]: [string[], string[]] = [[], []];
    listen(raw, 'live.>', live);
    listen(raw, 'notification.>', direct);
    await raw.flush();
    const output = jetStreamOutput({ servers: server.url });
    await (await session(output)).create('');
    const last = 2_000;
    // Both know the stream as empty when they begin, so the first message of one of them is refused.
    const rivals = [await session(output), await session(output)];
    const outcomes = await Promise.allSettled(
      rivals.map((rival) => rival.publish(1n, listMessages(1, last / 2))),
    );
    expect(outcomes.map(({ status }) => status)).toContain('rejected');
    await projectTo(output, last, () => Promise.resolve());
    await expect.poll(() => live.length).toBe(last);
    // Once each; their order is the server's affair when several connections publish.
    expect(live.toSorted()).toEqual(idsTo(last).toSorted());
    await expect.poll(() => direct.length).toBeGreaterThan(last);
  });

  test('begin with the subject root, also for mock and live messages', async () => {
    const server = await open();
    const raw = await client(server.url);
    const live: string[] = [];
    listen(raw, 'acme.live.>', live);
    await raw.flush();
    const output = jetStreamOutput({ servers: server.url, stream: 'ACME', subjectRoot: 'acme.' });
    const opened = await session(output);
    expect(await opened.create('')).toMatchObject({ faults: [], warnings: [] });
    const subjects = ['acme.', 'acme.mock.'].map((root) => root + listMessage(1).subject);
    await opened.publish(
      1n,
      subjects.map((subject, i) => ({ ...listMessage(i + 1), subject })),
    );
    expect((await opened.read(2n))?.subject).toBe(subjects[1]);
    await expect.poll(() => live).toEqual(idsTo(2));
    // Another kernel in the same account has its own root and does not collide.
    const other = await session(jetStreamOutput({ servers: server.url }));
    expect(await other.create('')).toMatchObject({ faults: [], warnings: [] });
  });
});

const baseConfig = {
  name: 'TOCSIN',
  subjects: ['active_schedule.>', 'notification.>', 'mock.>'],
};

function listen(raw: NatsConnection, subject: string, ids: string[]): void {
  raw.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) ids.push(message.headers?.get('ce-id') ?? '(none)');
    },
  });
}

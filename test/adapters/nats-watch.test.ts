import { connect } from 'nats';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeServer } from '../../src/adapters/nats/describe.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { watchOutput, type WatchOptions } from '../../src/adapters/nats/watch.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import type { OutputSession } from '../../src/projections/output.ts';
import { failureOf, idsTo, listMessages } from '../../src/facade/contracts/output.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';

let server: TestNatsServer;
let stop: AbortController;
let watches: Promise<void>[];
beforeEach(async () => {
  server = await testNatsServer();
  stop = new AbortController();
  watches = [];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(watches);
  await server[Symbol.asyncDispose]();
});

/** Watches in the background; `seen` grows. */
function watching(options: Partial<WatchOptions>): string[] {
  const seen: string[] = [];
  const watch = async (): Promise<void> => {
    const { signal } = stop;
    for await (const message of watchOutput({ servers: server.url, signal, ...options })) {
      seen.push(message.headers.get('ce-id') ?? `(${message.sequence})`);
    }
  };
  watches.push(watch());
  return seen;
}

async function publishing(run: (session: OutputSession) => Promise<unknown>): Promise<void> {
  await using session = await jetStreamOutput({ servers: server.url }).connect();
  await run(session);
}

describe('watchOutput', () => {
  test('starts at the given sequence and yields each message once', async () => {
    await publishing(async (session) => {
      await session.create('');
      await session.publish(1n, listMessages(1, 1_200));
    });
    const all = watching({ from: 'all' });
    const late = watching({ from: 1_101n });
    const now = watching({});
    await expect.poll(() => all.length).toBe(1_200);
    await expect.poll(() => late.length).toBe(100);
    // Whoever watches from now on has to be there first; it has asked when its consumer exists.
    await expect
      .poll(async () => {
        await publishing(async (session) => {
          const next = Number((await session.info())?.lastSequence) + 1;
          await session.publish(BigInt(next), listMessages(next, next));
        });
        return now.length;
      })
      .toBeGreaterThan(0);
    const last = Number(now.at(-1)?.slice(3));
    expect(now).toEqual(idsTo(last, Number(now[0]?.slice(3))));
    await expect.poll(() => all.length).toBe(last);
    await expect.poll(() => late.length).toBe(last - 1_100);
    expect(all).toEqual(idsTo(last));
    expect(late).toEqual(idsTo(last, 1_101));
  });

  test('yields no message that the fence refused', async () => {
    await publishing(async (session) => {
      await session.create('');
      await session.publish(1n, listMessages(1, 3));
      await failureOf(session.publish(7n, listMessages(7, 9)));
    });
    await publishing((session) => session.publish(4n, listMessages(4, 5)));
    const seen = watching({ from: 'all' });
    await expect.poll(() => seen.length).toBe(5);
    expect(seen).toEqual(idsTo(5));
  });

  test('resumes after the last message when the server was killed', async () => {
    await publishing(async (session) => {
      await session.create('');
      await session.publish(1n, listMessages(1, 10));
    });
    const seen = watching({ from: 'all' });
    await expect.poll(() => seen.length).toBe(10);
    await server.crash();
    await server.restart();
    await publishing((session) => session.publish(11n, listMessages(11, 20)));
    await expect.poll(() => seen.length).toBe(20);
    expect(seen).toEqual(idsTo(20));
  });

  test('resumes when the server was killed while the reader had all requested messages', async () => {
    await publishing(async (session) => {
      await session.create('');
      await session.publish(1n, listMessages(1, 500));
    });
    const seen: string[] = [];
    const { signal } = stop;
    for await (const { headers } of watchOutput({ servers: server.url, signal, from: 'all' })) {
      seen.push(headers.get('ce-id') ?? '');
      if (seen.length === 502) break;
      if (seen.length !== 500) continue;
      await server.crash();
      await server.restart();
      await publishing((session) => session.publish(501n, listMessages(501, 502)));
    }
    expect(seen).toEqual(idsTo(502));
  });

  test('waits for a stream and reads a recreated stream from its beginning', async () => {
    const client = await connect({ servers: server.url });
    const asked = client.subscribe('$JS.API.STREAM.INFO.TOCSIN');
    await client.flush();
    const seen = watching({});
    // It waits once it asks again: with the first answer it could still take what is here as old.
    await expect.poll(() => asked.getReceived()).toBeGreaterThanOrEqual(2);
    await publishing(async (session) => {
      await session.create('');
      await session.publish(1n, listMessages(1, 3));
    });
    await expect.poll(() => seen.length).toBe(3);
    await client.request('$JS.API.STREAM.DELETE.TOCSIN');
    await client.close();
    await publishing(async (session) => {
      await session.create('');
      await session.publish(1n, listMessages(1, 2));
    });
    await expect.poll(() => seen).toEqual([...idsTo(3), ...idsTo(2)]);
  });

  test('ends with its signal, also before it starts', async () => {
    const seen = watching({ signal: AbortSignal.abort() });
    await watches[0];
    expect(seen).toEqual([]);
  });

  test('closes the connection when its reader leaves', async () => {
    await publishing(async (session) => {
      await session.create('');
      await session.publish(1n, listMessages(1, 10));
    });
    for await (const message of watchOutput({ servers: server.url, from: 'all' })) {
      if (message.sequence === 3n) break;
    }
    expect((await describeServer({ servers: server.url })).stream?.lastSequence).toBe(10n);
  });

  test('fails when the first connection fails', async () => {
    await server.stop();
    const first = watchOutput({ servers: server.url }).next();
    expect(await failureOf(first)).toMatchObject({ kind: 'unavailable' });
  });
});

describe('describeServer', () => {
  test('returns version, JetStream and the output stream', async () => {
    const described = await describeServer({ servers: server.url });
    expect(described).toMatchObject({
      servers: server.url,
      jetStream: true,
      tls: false,
      cluster: undefined,
      maxPayloadBytes: 1_048_576,
      stream: undefined,
      warnings: [],
    });
    expect(described.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(described.roundTripMs).toBeGreaterThanOrEqual(0);
    await publishing((session) => session.create('store 1'));
    expect((await describeServer({ servers: server.url })).stream).toMatchObject({
      description: 'store 1',
      replicas: 1,
      faults: [],
    });
  });

  test('warns of missing JetStream and of a small max_payload', async () => {
    await using plain = await testNatsServer({ jetStream: false, config: 'max_payload: 64KB' });
    const described = await describeServer({ servers: plain.url });
    expect(described).toMatchObject({ jetStream: false, stream: undefined });
    expect(described.warnings).toEqual([expect.stringMatching(/^max_payload/)]);
  });

  test('fails as a connection does when no server answers', async () => {
    await server.stop();
    expect(await failureOf(describeServer({ servers: server.url }))).toMatchObject({
      kind: 'unavailable',
    });
    await using locked = await testNatsServer({ config: 'authorization { token: "x" }' });
    await expect(describeServer({ servers: locked.url })).rejects.toBeInstanceOf(TocsinError);
  });
});

// The output stream as an audit reads and compares it.
import { connect, headers } from 'nats';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { deliveryNumbers } from '../../src/adapters/nats/pull.ts';
import { jetStreamReader } from '../../src/adapters/nats/reader.ts';
import type { OutputMessage, StoredMessage } from '../../src/projections/output.ts';
import { failureOf, listMessages } from '../../src/facade/contracts/output.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

let server: TestNatsServer;
beforeEach(async () => {
  server = await testNatsServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

async function publish(messages: readonly OutputMessage[]): Promise<void> {
  await using session = await jetStreamOutput({ servers: server.url }).connect();
  await session.create('');
  await session.publish(1n, messages);
}

async function readAll(from: bigint, to: bigint): Promise<readonly StoredMessage[]> {
  await using reader = await jetStreamReader({ servers: server.url });
  const found: StoredMessage[] = [];
  for await (const batch of reader.messages(from, to)) found.push(...batch);
  return found;
}

test(
  'jetStreamReader reads every message in order, compared by bytes and by parts',
  { timeout: SLOW_TEST_MS },
  async () => {
    const published = listMessages(1, 1_500);
    await publish(published);
    const found = await readAll(1n, 1_500n);
    expect(found.map(({ sequence }) => Number(sequence))).toEqual(published.map((_, i) => i + 1));
    for (const [i, message] of published.entries()) {
      const stored = found[i];
      if (stored?.is?.(message) !== true) throw new Error(`message ${i + 1} is not itself`);
      expect(stored.subject).toBe(message.subject);
      expect([...stored.headers].slice(0, message.headers.length)).toEqual(message.headers);
      expect(Buffer.from(stored.data)).toEqual(Buffer.from(message.data));
    }
  },
);

test('jetStreamReader stops at the last requested sequence and reads nothing of an empty stream', async () => {
  await publish(listMessages(1, 600));
  const some = await readAll(300n, 310n);
  expect(some.map(({ sequence }) => Number(sequence))).toEqual(
    Array.from({ length: 11 }, (_, i) => 300 + i),
  );
  expect(await readAll(601n, 700n)).toEqual([]);
  expect(await readAll(5n, 4n)).toEqual([]);
});

test('a stored message equals no message with a difference in any part', async () => {
  const [message, next] = listMessages(1, 2);
  if (message === undefined || next === undefined) throw new Error('no messages');
  await publish([message]);
  // Another header at the end, as somebody with the plain client would add it.
  const client = await connect({ servers: server.url });
  const more = headers();
  for (const [name, value] of message.headers) more.set(name, value);
  more.set('X-Other', '1');
  await client.jetstream().publish(message.subject, message.data, { headers: more });
  await client.jetstream().publish(message.subject, message.data);
  await client.close();
  const [stored, longer, bare] = await readAll(1n, 3n);
  expect(stored?.is?.(message)).toBe(true);
  expect(longer?.is?.(message)).toBe(false);
  expect(longer?.headers.get('X-Other')).toBe('1');
  expect(bare?.is?.(message)).toBe(false);
  expect(bare?.headers.size).toBe(0);

  const [first = ['', ''], second = ['', ''], ...rest] = message.headers;
  const others: readonly OutputMessage[] = [
    next,
    { ...message, subject: `${message.subject.slice(0, -1)}x` },
    { ...message, subject: `${message.subject}x` },
    { ...message, headers: [second, first, ...rest] },
    { ...message, headers: [first, ...rest] },
    { ...message, headers: [...message.headers, ['traceparent', '0']] },
    { ...message, headers: [[first[0], `${first[1]}x`], second, ...rest] },
    { ...message, headers: [[`${first[0]}x`, first[1]], second, ...rest] },
    { ...message, headers: [...message.headers, ['long', 'x'.repeat(20_000)]] },
    { ...message, data: Buffer.from(message.data).fill(0x20, 0, 1) },
    { ...message, data: message.data.subarray(1) },
    { ...message, data: Buffer.concat([message.data, Buffer.from(' ')]) },
  ];
  expect(others.map((other) => stored?.is?.(other))).toEqual(others.map(() => false));
});

test('two reads share one connection, also beside a read that was left', async () => {
  await publish(listMessages(1, 1_500));
  await using reader = await jetStreamReader({ servers: server.url });
  const left = reader.messages(1n, 1_500n)[Symbol.asyncIterator]();
  await left.next();
  const read = async (): Promise<readonly number[]> => {
    const found: number[] = [];
    for await (const batch of reader.messages(1n, 1_500n)) {
      found.push(...batch.map(({ sequence }) => Number(sequence)));
    }
    return found;
  };
  const all = Array.from({ length: 1_500 }, (_, i) => i + 1);
  expect(await Promise.all([read(), read()])).toEqual([all, all]);
  await left.return?.();
});

test('jetStreamReader ignores the status of a request that expired after the last message', async () => {
  await publish(listMessages(1, 600));
  await using reader = await jetStreamReader({ servers: server.url, inboxPrefix: '_INBOX.test' });
  // Sees what comes to the reader, and ends the pull as the server does half a minute later.
  const client = await connect({ servers: server.url });
  const [asked, lastCame] = [Promise.withResolvers<string>(), Promise.withResolvers<undefined>()];
  client.subscribe('$JS.API.CONSUMER.MSG.NEXT.>', {
    callback: (_error, { reply = '' }) => {
      asked.resolve(reply);
    },
  });
  client.subscribe('_INBOX.test.>', {
    callback: (_error, { reply = '' }) => {
      if (deliveryNumbers(reply)?.pending === 0) lastCame.resolve(undefined);
    },
  });
  await client.flush();
  const found: number[] = [];
  for await (const batch of reader.messages(1n, 600n)) {
    found.push(...batch.map(({ sequence }) => Number(sequence)));
    if (found.length !== 512) continue;
    await lastCame.promise;
    client.publish(await asked.promise, undefined, { headers: headers(408, 'Request Timeout') });
    await client.flush();
    // Its answer comes after the status, through the same connection.
    await reader.info();
  }
  expect(found).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
  await client.close();
});

test('jetStreamReader fails when the server crashes, and deletes its consumer when it is left', async () => {
  await publish(listMessages(1, 3_000));
  await using reader = await jetStreamReader({ servers: server.url });
  for await (const batch of reader.messages(1n, 3_000n)) {
    expect(batch.length).toBeGreaterThan(0);
    break;
  }
  const reading = async (): Promise<void> => {
    for await (const batch of reader.messages(1n, 3_000n)) {
      if (batch[0]?.sequence !== 1n) continue;
      await server.crash();
      await failureOf(reader.info());
    }
  };
  expect(await failureOf(reading())).toMatchObject({ kind: 'unavailable' });
});

test('jetStreamReader fails when the connection closes before the last message', async () => {
  await publish(listMessages(1, 600));
  await using reader = await jetStreamReader({ servers: server.url });
  const reading = async (): Promise<void> => {
    for await (const batch of reader.messages(1n, 600n)) {
      // The first 512 are here or on their way; the rest is asked for and never comes.
      if (batch[0]?.sequence === 1n) server.freeze();
      if (batch[0]?.sequence !== 385n) continue;
      await server.crash();
      await failureOf(reader.info());
    }
  };
  expect(await failureOf(reading())).toMatchObject({ kind: 'unavailable' });
});

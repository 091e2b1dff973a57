// The request queue in a file: real requests only, each until it is acknowledged, also after a restart.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sqliteInbox } from '../../src/adapters/sqlite/messages/inbox.ts';
import { sqliteMessageReader, sqliteOutput } from '../../src/adapters/sqlite/messages/output.ts';
import type { Acknowledgement } from '../../src/kernel/processes/delivery/request-queue.ts';
import { until } from '../support/until.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-inbox-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const file = (): string => join(folder, 'messages.db');

async function store(first: number, ...subjects: readonly string[]): Promise<void> {
  await using session = await sqliteOutput({ file: file() }).connect();
  await session.create('a test');
  const headersOf = (n: number) => [['ce-id', String(first + n)]] as const;
  const messages = subjects.map((subject, n) => ({
    subject,
    headers: headersOf(n),
    data: Buffer.from('{}'),
  }));
  await session.publish(BigInt(first), messages);
}

function read(
  answer: (id: string, times: number) => Promise<Acknowledgement> = () => Promise.resolve('ack'),
  check: () => 'go' | 'wait' = () => 'go',
) {
  const stop = new AbortController();
  const got: string[] = [];
  const ended = sqliteInbox({ file: file() }).run({
    signal: stop.signal,
    check: () => Promise.resolve(check()),
    handle: ({ headers }) => {
      const id = headers.get('ce-id') ?? '';
      got.push(id);
      return answer(id, got.filter((each) => each === id).length);
    },
  });
  const end = async (): Promise<void> => {
    stop.abort();
    await ended;
  };
  return { got, ended, [Symbol.asyncDispose]: end };
}

const request = (channel: string): string => `notification.${channel}.requested.aa.1`;

describe('sqliteInbox', () => {
  test('hands over the real requests of every channel and nothing else', async () => {
    const mock = `mock.${request('email')}`;
    const others = ['trigger.raised.aa.1', mock, `acme.${mock}`];
    await store(1, ...others, request('feishu'), request('email'), `acme.${request('x')}`);
    await using reader = read();
    await until('three came', () => reader.got.length >= 3);
    await store(7, request('last'));
    await until('the last came', () => reader.got.includes('7'));
    expect(reader.got).toEqual(['4', '5', '6', '7']);
  });

  test('waits for the stream, and for the check', async () => {
    let mayGo = false;
    await using reader = read(undefined, () => (mayGo ? 'go' : 'wait'));
    await store(1, request('a'));
    await store(2, request('a'));
    expect(reader.got).toEqual([]);
    mayGo = true;
    await until('both came', () => reader.got.length === 2);
  });

  test.each<[string, () => Promise<Acknowledgement>]>([
    ['nak', () => Promise.resolve('nak')],
    ['an error', () => Promise.reject(new Error('not now'))],
  ])('hands a request over again after %s, while others go on', async (_name, first) => {
    await store(1, request('a'), request('a'));
    await using reader = read((id, times) =>
      id === '1' && times === 1 ? first() : Promise.resolve('ack'),
    );
    await until('it came again', () => reader.got.filter((id) => id === '1').length === 2);
    expect(reader.got).toEqual(['1', '2', '1']);
  });

  test('hands over after a restart what was not acknowledged, and nothing else', async () => {
    await store(1, request('a'), request('a'), request('a'));
    {
      await using first = read((id) => Promise.resolve(id === '2' ? 'nak' : 'ack'));
      await until('all came', () => first.got.length >= 3);
    }
    await using second = read();
    await until('it came', () => second.got.length > 0);
    await store(4, request('a'));
    await until('the next came', () => second.got.includes('4'));
    expect(second.got).toEqual(['2', '4']);
  });

  test('does not hand over a terminated request again', async () => {
    await store(1, request('a'));
    {
      await using first = read(() => Promise.resolve('term'));
      await until('it came', () => first.got.length === 1);
    }
    await store(2, request('a'));
    await using second = read();
    await until('the next came', () => second.got.length > 0);
    expect(second.got).toEqual(['2']);
  });
});

describe('sqliteMessageReader', () => {
  test('gives the messages of a range in order, in pages', async () => {
    await store(1, ...Array.from({ length: 1_300 }, () => request('a')));
    using reader = sqliteMessageReader({ file: file() });
    const sequences: bigint[] = [];
    for await (const page of reader.messages(2n, 1_299n)) {
      sequences.push(...page.map(({ sequence }) => sequence));
    }
    expect(sequences).toEqual(Array.from({ length: 1_298 }, (_, n) => BigInt(n + 2)));
    expect(await reader.info()).toMatchObject({ stream: 'messages', lastSequence: 1_300n });
  });
});

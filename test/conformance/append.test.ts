import { describe, expect, onTestFinished, test } from 'vitest';
import {
  ANY,
  binaryEvent,
  DeadlineExceededError,
  EventStoreDBClient,
  jsonEvent,
  MaxAppendSizeExceededError,
  NO_STREAM,
  STREAM_EXISTS,
  UnknownError,
  WrongExpectedVersionError,
  type EventData,
} from '@eventstore/db-client';
import {
  all,
  APPEND_CALLS,
  aStream,
  failure,
  isReal,
  jsonEvents,
  served,
} from './front.support.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const { client, url } = served();

const stored = async (stream: string): Promise<unknown[]> =>
  (await all(client().readStream(stream))).map(({ event }) => event?.id);

describe.each(APPEND_CALLS)('appendToStream through %s', (call, options) => {
  test('answers with the last revision and the position of the last event', async () => {
    const stream = aStream(call);
    const first = await client().appendToStream(stream, jsonEvents(4), options);
    expect(first).toMatchObject({ success: true, nextExpectedRevision: 3n });
    const second = await client().appendToStream(stream, jsonEvents(1), options);
    expect(second.nextExpectedRevision).toBe(4n);
    const events = await all(client().readStream(stream));
    expect(events[3]?.event?.position).toEqual(first.position);
    expect(events[4]?.event?.position).toEqual(second.position);
    expect(first.position?.commit).toBe(first.position?.prepare);
  });

  const metadata: readonly (readonly [string, Uint8Array | Record<string, unknown> | undefined])[] =
    [
      ['none', undefined],
      ['JSON', { who: 'ünï 日本 🚨', n: 1 }],
      ['bytes', Uint8Array.from([0, 255, 128, 7])],
      ['text', Uint8Array.from(Buffer.from('How meta is this?'))],
      ['a Buffer', Buffer.from([1, 2, 0, 254])],
    ];
  test.each(metadata)('stores data and metadata unchanged, with %s', async (_, given) => {
    const stream = aStream(call);
    const bytes = Uint8Array.from({ length: 300 }, (_unused, n) => n % 256);
    const list: EventData[] = [
      jsonEvent({
        type: 'Über.日本🚨',
        data: { text: 'CC \u2010 1830', list: [1, null] },
        metadata: given,
      }),
      jsonEvent({ type: 'text', data: 'just a string', metadata: given }),
      binaryEvent({ type: 'bytes', data: bytes, metadata: given }),
      binaryEvent({ type: 'none', data: new Uint8Array(), metadata: given }),
      binaryEvent({ type: 'looks-like', data: Buffer.from('{"a":1}'), metadata: given }),
    ];
    const before = Date.now();
    await client().appendToStream(stream, list, options);
    const events = (await all(client().readStream(stream))).map(({ event }) => event);
    expect(events.map((event) => [event?.id, event?.type, event?.isJson])).toEqual(
      list.map(({ id, type, contentType }) => [id, type, contentType === 'application/json']),
    );
    expect(events.slice(0, 2).map((event) => event?.data)).toEqual([
      { text: 'CC \u2010 1830', list: [1, null] },
      'just a string',
    ]);
    expect(Buffer.from(bytesIn(events[2]?.data)).equals(bytes)).toBe(true);
    expect(bytesIn(events[3]?.data)).toHaveLength(0);
    expect(Buffer.from(bytesIn(events[4]?.data)).toString()).toBe('{"a":1}');
    for (const event of events) {
      if (given instanceof Uint8Array) {
        expect(Buffer.from(bytesIn(event?.metadata)).equals(given)).toBe(true);
      } else {
        expect(event?.metadata).toEqual(given);
      }
      expect(event?.created.getTime()).toBeGreaterThanOrEqual(before);
      expect(event?.created.getTime()).toBeLessThanOrEqual(Date.now());
    }
  });

  test('succeeds when the expected revision is right', async () => {
    const stream = aStream(call);
    for (const expectedRevision of [NO_STREAM, 0n, ANY, STREAM_EXISTS] as const) {
      await client().appendToStream(stream, jsonEvents(1), { ...options, expectedRevision });
    }
    expect(await stored(stream)).toHaveLength(4);
  });

  test.each([
    ['no stream where there is one', 2, NO_STREAM, 1n],
    ['a lower revision', 3, 0n, 2n],
    ['a higher revision', 2, 2n, 1n],
    ['a revision of a missing stream', 0, 1n, NO_STREAM],
    ['a stream where there is none', 0, STREAM_EXISTS, NO_STREAM],
  ] as const)(
    'fails without a write when it expects %s',
    async (_, events, expectedRevision, actual) => {
      const stream = aStream(`${call} ö`);
      if (events > 0) await client().appendToStream(stream, jsonEvents(events), options);
      const append = client().appendToStream(stream, jsonEvents(2), {
        ...options,
        expectedRevision,
      });
      const error = await failure(append, WrongExpectedVersionError);
      expect(error).toMatchObject({
        streamName: stream,
        expectedVersion: expectedRevision,
        actualVersion: actual,
      });
      if (events > 0) expect(await stored(stream)).toHaveLength(events);
    },
  );

  test('returns the failure when throwOnAppendFailure is off', async () => {
    const lenient = EventStoreDBClient.connectionString(`${url()}&throwOnAppendFailure=false`);
    const stream = aStream(call);
    await lenient.appendToStream(stream, jsonEvents(4), options);
    const expectedRevision = NO_STREAM;
    const result = await lenient.appendToStream(stream, jsonEvents(1), {
      ...options,
      expectedRevision,
    });
    expect(result.success).toBe(false);
    // The batch call of this client takes `true` for a number here.
    expect(result.nextExpectedRevision).toBe(call === 'Append' ? 3n : 1n);
    await lenient.dispose();
  });

  test('checks only the revision of an empty append', async () => {
    const stream = aStream(call);
    await client().appendToStream(stream, jsonEvents(3), options);
    const expectedRevision = 2n;
    const result = await client().appendToStream(stream, [], { ...options, expectedRevision });
    expect(result).toMatchObject({ success: true, nextExpectedRevision: 2n });
    expect(await stored(stream)).toHaveLength(3);
    const wrong = client().appendToStream(stream, [], { ...options, expectedRevision: 1n });
    await failure(wrong, WrongExpectedVersionError);
  });

  // Many small events of that size keep a real server and its client busy for minutes.
  test.each(isReal ? [1] : [1, 40_000])(
    'refuses more than 1 MiB in %d events and accepts the next append',
    { timeout: SLOW_TEST_MS },
    async (count) => {
      const stream = aStream(call);
      const list =
        count === 1
          ? [jsonEvent({ type: 'large', data: 'x'.repeat(1024 * 1024) })]
          : jsonEvents(count);
      const error = await failure(
        client().appendToStream(stream, list, { ...options, deadline: 60_000 }),
        MaxAppendSizeExceededError,
      );
      expect(error.maxAppendSize).toBe(1024 * 1024);
      const next = await client().appendToStream(stream, jsonEvents(1), {
        ...options,
        expectedRevision: NO_STREAM,
      });
      expect(next.nextExpectedRevision).toBe(0n);
    },
  );

  test('accepts exactly 1 MiB', async () => {
    const stream = aStream(call);
    const exactly = jsonEvent({ type: 'a', data: 'x'.repeat(1024 * 1024 - 4) });
    await client().appendToStream(stream, exactly, options);
    expect(await stored(stream)).toEqual([exactly.id]);
  });

  test('reports a passed deadline', async () => {
    const append = client().appendToStream(aStream(call), jsonEvents(30_000), {
      ...options,
      deadline: 1,
    });
    await failure(append, DeadlineExceededError);
  });

  test.skipIf(isReal)(
    'refuses to append to $$, which ends the process of some servers',
    async () => {
      const append = client().appendToStream('$$', jsonEvents(1), options);
      const error = await failure(append, UnknownError);
      expect(error.message).toContain('nothing can be appended');
    },
  );

  test('refuses an expected revision of 2^63 and takes the largest number for no stream', async () => {
    const stream = aStream(call);
    const append = (expectedRevision: bigint): Promise<unknown> =>
      client().appendToStream(stream, jsonEvents(1), { ...options, expectedRevision });
    await failure(append(2n ** 63n), UnknownError);
    await append(2n ** 64n - 1n);
    await failure(append(2n ** 64n - 1n), WrongExpectedVersionError);
    expect(await stored(stream)).toHaveLength(1);
  });

  test('answers an append without events with a position behind the log', async () => {
    const { position: last } = await client().appendToStream(aStream(call), jsonEvents(1), options);
    const { position } = await client().appendToStream(aStream(call), [], options);
    expect(position?.commit).toBeGreaterThan(last?.commit ?? 0n);
    const { position: next } = await client().appendToStream(aStream(call), jsonEvents(1), options);
    expect(position?.commit).toBeLessThan(next?.commit ?? 0n);
  });

  test('refuses an invalid id and an empty type', async () => {
    // 24.6 ends the call without a word then, and the client goes on to use it.
    const own = EventStoreDBClient.connectionString(url());
    onTestFinished(() => own.dispose());
    for (const extra of [
      { id: 'x' },
      { id: '00000000-0000-0000-0000-000000000000' },
      { type: '' },
    ]) {
      const [event] = jsonEvents(1);
      const list = event === undefined ? [] : [{ ...event, ...extra }];
      await failure(own.appendToStream(aStream(call), list, options), UnknownError);
    }
  });
});

describe.each(APPEND_CALLS)('a repeated appendToStream through %s', (call, options) => {
  test.each([NO_STREAM, ANY] as const)(
    'expecting %s gives the first answer again',
    async (expectedRevision) => {
      const stream = aStream(call);
      const list = jsonEvents(3);
      const first = await client().appendToStream(stream, list, { ...options, expectedRevision });
      await client().appendToStream(stream, jsonEvents(5), options);
      expect(await client().appendToStream(stream, list, { ...options, expectedRevision })).toEqual(
        first,
      );
      expect(await client().appendToStream(stream, list, options)).toEqual(first);
      expect(await stored(stream)).toHaveLength(8);
    },
  );

  test('gets the first answer again at a lower revision but not at the end', async () => {
    const stream = aStream(call);
    await client().appendToStream(stream, jsonEvents(2), options);
    const list = jsonEvents(2);
    const first = await client().appendToStream(stream, list, { ...options, expectedRevision: 1n });
    expect(
      await client().appendToStream(stream, list, { ...options, expectedRevision: 1n }),
    ).toEqual(first);
    const again = await client().appendToStream(stream, list, { ...options, expectedRevision: 3n });
    expect(again.nextExpectedRevision).toBe(5n);
  });

  test('fails with a wrong expected version when only some events are stored', async () => {
    const stream = aStream(call);
    const list = jsonEvents(2);
    await client().appendToStream(stream, list, options);
    const longer = [...list, ...jsonEvents(1)];
    await failure(client().appendToStream(stream, longer, options), WrongExpectedVersionError);
    const exact = { ...options, expectedRevision: NO_STREAM } as const;
    await failure(client().appendToStream(stream, longer, exact), WrongExpectedVersionError);
    // Another order of unknown and known is new to the server.
    await client().appendToStream(stream, [...jsonEvents(1), ...list], options);
  });

  test('is a new append on another stream', async () => {
    const list = jsonEvents(2);
    await client().appendToStream(aStream(call), list, options);
    const other = aStream(call);
    await client().appendToStream(other, list, options);
    expect(await stored(other)).toHaveLength(2);
  });
});

describe('many appends at once', { timeout: SLOW_TEST_MS }, () => {
  test('are all written when 10,000 have one event each', async () => {
    const stream = aStream();
    const value = 'A'.repeat(904);
    const results = await Promise.all(
      Array.from({ length: 10_000 }, () =>
        client().appendToStream(stream, jsonEvent({ type: 'Any', data: { value } }), {
          deadline: 60_000,
        }),
      ),
    );
    // Appends of one client are written in the order in which it makes them.
    expect(results.map(({ nextExpectedRevision }) => nextExpectedRevision)).toEqual(
      results.map((_, n) => BigInt(n)),
    );
  });

  test('are all written beside one of 5,000 events in 625 fragments', async () => {
    const stream = aStream();
    const list = jsonEvents(5_000);
    const [result] = await Promise.all([
      client().appendToStream(stream, list, { batchAppendSize: 1_024, deadline: 60_000 }),
      ...Array.from({ length: 100 }, (_, n) =>
        client().appendToStream(`${stream}-${n}`, jsonEvents(20), { batchAppendSize: 256 }),
      ),
    ]);
    expect(result.nextExpectedRevision).toBe(4_999n);
    expect(await stored(stream)).toEqual(list.map(({ id }) => id));
  });

  test('are answered although fragments of refused appends arrive between them', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 6 }, (_, n) =>
        client().appendToStream(aStream(), jsonEvents(n % 2 === 0 ? 30_000 : 3), {
          batchAppendSize: 2_048,
          deadline: 60_000,
        }),
      ),
    );
    expect(outcomes.map((outcome) => outcome.status)).toEqual(
      Array.from({ length: 6 }, (_, n) => (n % 2 === 0 ? 'rejected' : 'fulfilled')),
    );
    // Behind what the client still had to send of the refused ones.
    await client().appendToStream(aStream(), jsonEvents(1), { deadline: 60_000 });
  });
});

function bytesIn(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new TypeError('no bytes');
}

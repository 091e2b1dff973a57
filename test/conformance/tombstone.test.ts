// Streams with a tombstone: appends, reads and subscriptions.
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import {
  BACKWARDS,
  binaryEvent,
  END,
  EventStoreDBClient,
  NO_STREAM,
  START,
  STREAM_EXISTS,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { openEmbeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { createFront } from '../../src/adapters/eventstore/front/front.ts';
import { storeFile } from '../adapters/front.support.ts';
import { anEvent } from '../../src/facade/contracts/event-store-support.ts';
import { all, APPEND_CALLS, aStream, failure, jsonEvents, served } from './front.support.ts';
import { listener } from './subscribe.support.ts';

const { client, url } = served();
const LAST = 2n ** 63n - 1n;

describe('a stream with a tombstone', () => {
  test.each(APPEND_CALLS)('refuses an append through %s', async (call, options) => {
    const stream = aStream(`${call} deleted`);
    await client().appendToStream(stream, jsonEvents(4), options);
    await client().tombstoneStream(stream);
    for (const expectedRevision of ['any', NO_STREAM, STREAM_EXISTS, 3n, LAST] as const) {
      const append = client().appendToStream(stream, jsonEvents(1), {
        ...options,
        expectedRevision,
      });
      const error = await failure(append, StreamDeletedError);
      expect(error.streamName).toBe(stream);
    }
  });

  test('cannot be read in either direction', async () => {
    const stream = aStream();
    await client().appendToStream(stream, jsonEvents(4));
    await client().tombstoneStream(stream);
    const forwards = all(client().readStream(stream, { maxCount: 10 }));
    expect((await failure(forwards, StreamDeletedError)).streamName).toBe(stream);
    const backwards = client().readStream(stream, { direction: BACKWARDS, fromRevision: END });
    await failure(all(backwards), StreamDeletedError);
  });

  test('has no metadata for its readers, and none can be added', async () => {
    const stream = aStream();
    await client().appendToStream(stream, jsonEvents(1));
    await client().tombstoneStream(stream);
    await failure(all(client().readStream(`$$${stream}`)), StreamDeletedError);
    await failure(client().setStreamMetadata(stream, { maxCount: 1 }), StreamDeletedError);
  });

  test('stays in the log together with its tombstone', async () => {
    const stream = aStream();
    await client().appendToStream(stream, jsonEvents(2));
    const { position } = await client().tombstoneStream(stream);
    const events = (await all(client().readAll())).flatMap(({ event }) =>
      event?.streamId === stream ? [event] : [],
    );
    expect(events.map(({ revision }) => revision)).toEqual([0n, 1n, LAST]);
    expect(events[2]).toMatchObject({ type: '$streamDeleted', isJson: false, position });
  });

  test('ends its subscriptions after the tombstone', async () => {
    const stream = aStream();
    await client().appendToStream(stream, jsonEvents(2));
    const subscription = client().subscribeToStream(stream, { fromRevision: START });
    const ended = once(subscription, 'error');
    const heard = listener().listen(subscription);
    await heard.untilCaughtUp();
    await client().tombstoneStream(stream);
    expect((await ended)[0]).toBeInstanceOf(StreamDeletedError);
    expect(heard.events().map(({ event }) => event?.revision)).toEqual([0n, 1n, LAST]);
    await failure(all(client().subscribeToStream(stream)), StreamDeletedError);
  });

  test('is no target of links', async () => {
    const [stream, links] = [aStream(), aStream()];
    await client().appendToStream(stream, jsonEvents(2));
    const link = binaryEvent({ type: '$>', data: Buffer.from(`0@${stream}`) });
    await client().appendToStream(links, link);
    await client().tombstoneStream(stream);
    const [found] = await all(client().readStream(links, { resolveLinkTos: true }));
    expect(found?.event).toBeUndefined();
    expect(found?.link?.streamId).toBe(links);
  });
});

describe('tombstoneStream', () => {
  test.each([
    ['a missing stream', 0, NO_STREAM],
    ['a stream at any revision', 4, 'any'],
    ['a stream at its last revision', 4, 3n],
  ] as const)('sets a tombstone on %s', async (_, events, expectedRevision) => {
    const stream = aStream();
    if (events > 0) await client().appendToStream(stream, jsonEvents(events));
    const { position } = await client().tombstoneStream(stream, { expectedRevision });
    expect(position?.commit).toBeGreaterThan(0n);
    await failure(all(client().readStream(stream)), StreamDeletedError);
  });

  test.each([
    ['below the last', 4, 2n, 3n],
    ['above the last', 4, 7n, 3n],
    ['of no stream where there is one', 4, NO_STREAM, 3n],
    ['of a missing stream', 0, 1n, NO_STREAM],
  ] as const)('fails at a revision %s', async (_, events, expectedRevision, actual) => {
    const stream = aStream();
    if (events > 0) await client().appendToStream(stream, jsonEvents(events));
    const work = client().tombstoneStream(stream, { expectedRevision });
    const error = await failure(work, WrongExpectedVersionError);
    expect(error.streamName).toBe(stream);
    // The client returns numbers here, names in other calls.
    const asNumber = (revision: bigint | string): bigint =>
      typeof revision === 'bigint' ? revision : -1n;
    expect(error.expectedVersion).toBe(asNumber(expectedRevision));
    expect(error.actualVersion).toBe(asNumber(actual));
    if (events > 0) expect(await all(client().readStream(stream))).toHaveLength(events);
    else await failure(all(client().readStream(stream)), StreamNotFoundError);
  });

  test('fails on a stream that has a tombstone', async () => {
    const stream = aStream();
    await client().tombstoneStream(stream);
    await failure(client().tombstoneStream(stream), StreamDeletedError);
  });

  test('makes eventStoreDb refuse appends and read an empty stream', async () => {
    await using store = eventStoreDb({ connectionString: url() });
    const stream = aStream();
    await store.append(stream, 'no_stream', [anEvent(0)]);
    await client().tombstoneStream(stream);
    expect(await store.append(stream, 0n, [anEvent(1)])).toMatchObject({
      outcome: 'refused',
      reason: 'stream_deleted',
    });
    expect(await all(store.readStream(stream, { direction: 'forwards' }))).toEqual([]);
  });

  test('keeps its effect when the file is opened without the front', async () => {
    const file = storeFile();
    const front = await createFront({ file });
    const one = eventStoreDb({ connectionString: front.url });
    await one.append('a', 'no_stream', [anEvent(0)]);
    await one[Symbol.asyncDispose]();
    const other = EventStoreDBClient.connectionString(front.url);
    await other.tombstoneStream('a');
    await other.dispose();
    await front.close();
    await using store = await openEmbeddedStore({ file }, {});
    expect(await store.append('a', 0n, [anEvent(1)])).toMatchObject({ reason: 'stream_deleted' });
    expect(await all(store.readStream('a', { direction: 'forwards' }))).toEqual([]);
    const log = await all(store.readAll({ direction: 'forwards', prefixes: [] }));
    expect(log.flat().map(({ stream, type, revision }) => [stream, type, revision])).toEqual([
      ['a', 'Counted', 0n],
      ['a', '$streamDeleted', LAST],
    ]);
  });
});

// Stream metadata and deletions: they hide events from readers of a stream and from links, and leave them in the log.
import { describe, expect, test } from 'vitest';
import {
  BACKWARDS,
  binaryEvent,
  END,
  jsonEvent,
  NO_STREAM,
  STREAM_EXISTS,
  StreamDeletedError,
  StreamNotFoundError,
  WrongExpectedVersionError,
  type AppendResult,
} from '@eventstore/db-client';
import { all, APPEND_CALLS, aStream, failure, jsonEvents, served } from './front.support.ts';
import { listener } from './subscribe.support.ts';

const { client } = served();

const setMetadata = (stream: string, data: unknown): Promise<AppendResult> =>
  client().appendToStream(
    `$$${stream}`,
    jsonEvent({ type: '$metadata', data: JSON.parse(JSON.stringify(data)) }),
  );

const revisionsOf = async (stream: string): Promise<number[]> =>
  (await all(client().readStream(stream))).map(({ event }) => Number(event?.revision));

const inTheLog = async (stream: string): Promise<number[]> =>
  (await all(client().readAll())).flatMap(({ event }) =>
    event?.streamId === stream ? [Number(event.revision)] : [],
  );

const EVERYTHING = [0, 1, 2, 3, 4];

describe('metadata', () => {
  test.each([
    ['$maxCount 2', { $maxCount: 2 }, [3, 4]],
    ['$maxCount above the length', { $maxCount: 9 }, EVERYTHING],
    ['$maxCount 0', { $maxCount: 0 }, EVERYTHING],
    ['$maxCount as text', { $maxCount: '2' }, EVERYTHING],
    ['$tb 2', { $tb: 2 }, [2, 3, 4]],
    ['$tb behind the end', { $tb: 100 }, []],
    ['$tb -1', { $tb: -1 }, EVERYTHING],
    ['$maxAge 1000', { $maxAge: 1_000 }, EVERYTHING],
    ['both limits', { $maxCount: 4, $tb: 3 }, [3, 4]],
    ['an unknown key', { mine: 1 }, EVERYTHING],
    ['no object', [1], EVERYTHING],
  ])('with %s hides events from readers and not from the log', async (_, data, visible) => {
    const stream = aStream();
    await client().appendToStream(stream, jsonEvents(5));
    await setMetadata(stream, data);
    expect(await revisionsOf(stream)).toEqual(visible);
    const backwards = client().readStream(stream, { direction: BACKWARDS, fromRevision: END });
    expect((await all(backwards)).map(({ event }) => Number(event?.revision))).toEqual(
      visible.toReversed(),
    );
    const heard = listener().listen(client().subscribeToStream(stream));
    await heard.untilCaughtUp();
    expect(heard.events().map(({ event }) => Number(event?.revision))).toEqual(visible);
    await heard.stop();
    expect(await inTheLog(stream)).toEqual(EVERYTHING);
  });

  test('with $maxAge hides the events that are older, also from links', async () => {
    const [stream, links] = [aStream(), aStream()];
    await client().appendToStream(stream, jsonEvents(1));
    const link = binaryEvent({ type: '$>', data: Buffer.from(`0@${stream}`) });
    await client().appendToStream(links, link);
    const target = async (): Promise<unknown> =>
      (await all(client().readStream(links, { resolveLinkTos: true })))[0]?.event?.id;
    expect(await target()).toBeDefined();
    await setMetadata(stream, { $maxAge: 1 });
    await expect.poll(() => revisionsOf(stream), { timeout: 10_000 }).toEqual([]);
    expect(await target()).toBeUndefined();
    await client().appendToStream(stream, jsonEvents(1));
    expect(await revisionsOf(stream)).toEqual([1]);
  });
});

describe.each(APPEND_CALLS)(
  'a stream that was deleted, appended to through %s',
  (_call, options) => {
    const deleted = async (): Promise<string> => {
      const stream = aStream();
      await client().appendToStream(stream, jsonEvents(2), options);
      await client().deleteStream(stream);
      return stream;
    };

    test('does not exist for readers and links, and stays in the log', async () => {
      const [stream, links] = [await deleted(), aStream()];
      await failure(all(client().readStream(stream)), StreamNotFoundError);
      const link = binaryEvent({ type: '$>', data: Buffer.from(`0@${stream}`) });
      await client().appendToStream(links, link, options);
      const [found] = await all(client().readStream(links, { resolveLinkTos: true }));
      expect(found?.event).toBeUndefined();
      expect(await inTheLog(stream)).toEqual([0, 1]);
    });

    test.each([NO_STREAM, 'any', 1n] as const)(
      'goes on with its revisions when it is written expecting %s',
      async (expectedRevision) => {
        const stream = await deleted();
        const heard = listener().listen(client().subscribeToStream(stream));
        // 23.10 is not caught up with a stream that is not there.
        await heard.until(() => heard.kinds().includes('confirmation'));
        const list = jsonEvents(2);
        const append = (): Promise<AppendResult> =>
          client().appendToStream(stream, list, { ...options, expectedRevision });
        expect((await append()).nextExpectedRevision).toBe(3n);
        expect(await revisionsOf(stream)).toEqual([2, 3]);
        await heard.untilEvents(2);
        expect(heard.events().map(({ event }) => event?.revision)).toEqual([2n, 3n]);
        await heard.stop();
        expect((await client().getStreamMetadata(stream)).metadata).toEqual({ truncateBefore: 2 });
        // As on a server: the append that brings a stream back has no repeat when it expects no stream.
        if (expectedRevision === NO_STREAM) await failure(append(), WrongExpectedVersionError);
        else expect((await append()).nextExpectedRevision).toBe(3n);
      },
    );

    test('refuses an append that expects another revision, or that it exists', async () => {
      const stream = await deleted();
      const append = (expectedRevision: bigint | typeof STREAM_EXISTS): Promise<AppendResult> =>
        client().appendToStream(stream, jsonEvents(1), { ...options, expectedRevision });
      const error = await failure(append(0n), WrongExpectedVersionError);
      expect(error.actualVersion).toBe(1n);
      await failure(append(STREAM_EXISTS), StreamDeletedError);
      await failure(all(client().readStream(stream)), StreamNotFoundError);
    });

    test('keeps its older events hidden when it gets new metadata', async () => {
      const stream = await deleted();
      await setMetadata(stream, { $maxCount: 5, mine: 1 });
      expect(await revisionsOf(stream)).toEqual([]);
      await client().appendToStream(stream, jsonEvents(1), options);
      expect(await revisionsOf(stream)).toEqual([2]);
    });
  },
);

describe('deleteStream', () => {
  test('refuses a wrong revision and a stream that is not there', async () => {
    const stream = aStream();
    await failure(client().deleteStream(stream), WrongExpectedVersionError);
    await client().appendToStream(stream, jsonEvents(2));
    const error = await failure(
      client().deleteStream(stream, { expectedRevision: 0n }),
      WrongExpectedVersionError,
    );
    expect(error.message).toContain('Delete failed due to WrongExpectedVersion');
    expect(await revisionsOf(stream)).toEqual([0, 1]);
    await client().tombstoneStream(stream);
    await failure(client().deleteStream(stream), StreamDeletedError);
  });

  test('may be repeated, and a tombstone may follow', async () => {
    const stream = aStream();
    await client().appendToStream(stream, jsonEvents(2));
    await client().deleteStream(stream, { expectedRevision: 1n });
    await client().deleteStream(stream);
    await client().tombstoneStream(stream);
    await failure(all(client().readStream(stream)), StreamDeletedError);
  });
});

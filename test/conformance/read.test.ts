import { beforeAll, describe, expect, test } from 'vitest';
import {
  BACKWARDS,
  binaryEvent,
  END,
  FORWARDS,
  jsonEvent,
  START,
  StreamNotFoundError,
  UnknownError,
  type AllStreamResolvedEvent,
  type AppendResult,
  type ResolvedEvent,
} from '@eventstore/db-client';
import { all, aStream, bytesEvents, failure, isReal, jsonEvents, served } from './front.support.ts';

const { client } = served();
const STREAM = 'stream of both kinds';
const OTHER = 'other';
/** More than one page, in events and in bytes. */
const MANY = 400;
let appended: AppendResult;

beforeAll(async () => {
  appended = await client().appendToStream(STREAM, [
    ...jsonEvents(4, 'json'),
    ...bytesEvents(4, 'bytes'),
  ]);
  await client().appendToStream(OTHER, jsonEvents(MANY, 'other'));
});

const revisions = (events: readonly ResolvedEvent[]): number[] =>
  events.map(({ event }) => Number(event?.revision));

describe('readStream', () => {
  test.each([
    ['from its start', {}, [0, 1, 2, 3, 4, 5, 6, 7]],
    ['from a revision, included', { fromRevision: 5n }, [5, 6, 7]],
    ['from its last revision', { fromRevision: 7n }, [7]],
    ['from after its end', { fromRevision: 8n }, []],
    ['from far after its end', { fromRevision: 2n ** 63n - 1n }, []],
    ['from a revision up to a count', { fromRevision: 2n, maxCount: 3 }, [2, 3, 4]],
    ['backwards', { direction: BACKWARDS, fromRevision: END }, [7, 6, 5, 4, 3, 2, 1, 0]],
    ['backwards from a revision', { direction: BACKWARDS, fromRevision: 2n }, [2, 1, 0]],
    [
      'backwards from after its end',
      { direction: BACKWARDS, fromRevision: 99n, maxCount: 2 },
      [7, 6],
    ],
    ['backwards from its start', { direction: BACKWARDS, fromRevision: START }, [0]],
  ] as const)('reads a stream %s', async (_, options, expected) => {
    expect(revisions(await all(client().readStream(STREAM, options)))).toEqual(expected);
  });

  test.each([FORWARDS, BACKWARDS] as const)('reads many pages %s', async (direction) => {
    const fromRevision = direction === FORWARDS ? START : END;
    const read = revisions(await all(client().readStream(OTHER, { direction, fromRevision })));
    const expected = Array.from({ length: MANY }, (_, n) => n);
    expect(read).toEqual(direction === FORWARDS ? expected : expected.reverse());
  });

  test('returns JSON and binary events with revision and position', async () => {
    const events = (await all(client().readStream(STREAM))).map(({ event }) => event);
    expect(events[1]).toMatchObject({
      streamId: STREAM,
      type: 'json',
      isJson: true,
      data: { message: 'test', index: 1 },
    });
    expect(events[5]).toMatchObject({ type: 'bytes', isJson: false });
    expect(events[7]?.position).toEqual(appended.position);
    const places = events.map((event) => event?.position?.commit ?? 0n);
    for (const [n, place] of places.slice(1).entries()) {
      expect(place - (places[n] ?? 0n)).toBeGreaterThan(1n);
    }
  });

  test('fails with the name of a missing stream', async () => {
    const stream = 'nobody was ever hère';
    const error = await failure(all(client().readStream(stream)), StreamNotFoundError);
    expect(error.streamName).toBe(stream);
    const backwards = all(client().readStream(stream, { direction: BACKWARDS, fromRevision: END }));
    await failure(backwards, StreamNotFoundError);
  });

  test('fails for a count of 0 and forwards from the end', async () => {
    await failure(all(client().readStream(STREAM, { maxCount: 0 })), UnknownError);
    await failure(all(client().readStream(STREAM, { fromRevision: END })), UnknownError);
  });
});

// A real server has the events of other files too, and never ends a read of no events.
describe('readAll', () => {
  const names = (events: readonly AllStreamResolvedEvent[]): string[] =>
    events.flatMap(({ event }) =>
      event === undefined || event.streamId.startsWith('$') ? [] : [event.streamId],
    );

  test.skipIf(isReal)('returns an event of the system and the others in commit order', async () => {
    const events = await all(client().readAll());
    expect(events.length).toBeGreaterThan(8 + MANY);
    expect(names(events)).toEqual([
      ...Array.from({ length: 8 }, () => STREAM),
      ...Array.from({ length: MANY }, () => OTHER),
    ]);
    const places = events.map(({ event }) => event?.position.commit ?? 0n);
    expect(places.every((place, n) => n === 0 || place > (places[n - 1] ?? 0n))).toBe(true);
    const backwards = await all(client().readAll({ direction: BACKWARDS, fromPosition: END }));
    expect(backwards).toEqual(events.toReversed());
  });

  test.skipIf(isReal)(
    'includes the start position forwards and excludes it backwards',
    async () => {
      const events = await all(client().readAll());
      for (const n of [0, 1, 130, events.length - 1]) {
        const fromPosition = events[n]?.event?.position ?? START;
        expect(await all(client().readAll({ fromPosition }))).toEqual(events.slice(n));
        const before = await all(client().readAll({ fromPosition, direction: BACKWARDS }));
        expect(before).toEqual(events.slice(0, n).reverse());
      }
    },
  );

  test.skipIf(isReal)('stops after the count and at both ends of the log', async () => {
    expect(await all(client().readAll({ maxCount: 2 }))).toHaveLength(2);
    expect(await all(client().readAll({ maxCount: 300 }))).toHaveLength(300);
    expect(await all(client().readAll({ maxCount: 0 }))).toEqual([]);
    expect(await all(client().readAll({ fromPosition: END }))).toEqual([]);
    expect(await all(client().readAll({ direction: BACKWARDS }))).toEqual([]);
  });
});

describe('a read that resolves links', () => {
  test('returns the target of each link', async () => {
    const from = aStream('links');
    const link = (data: string): ReturnType<typeof binaryEvent> =>
      binaryEvent({ type: '$>', data: Buffer.from(data) });
    await client().appendToStream(from, [
      link(`2@${STREAM}`),
      link(`99@${STREAM}`),
      link('no link'),
      ...jsonEvents(1),
      link(`-1@${STREAM}`),
      link(` +2@${STREAM}`),
    ]);
    const [target] = await all(client().readStream(STREAM, { fromRevision: 2n, maxCount: 1 }));
    const [good, gone, bad, plain, last, signed] = await all(
      client().readStream(from, { resolveLinkTos: true }),
    );
    expect(last?.event?.revision).toBe(7n);
    expect(signed?.event).toEqual(target?.event);
    expect(good?.event).toEqual(target?.event);
    expect(good?.link).toMatchObject({ streamId: from, type: '$>' });
    expect(good?.commitPosition).toBe(good?.link?.position?.commit);
    expect([gone?.event, bad?.link, plain?.link]).toEqual([undefined, undefined, undefined]);
    expect([gone?.link?.type, bad?.event?.type, plain?.event?.type]).toEqual(['$>', '$>', 'test']);
    const [unresolved] = await all(client().readStream(from));
    expect(unresolved).toMatchObject({ event: { type: '$>', isJson: false } });
    expect(unresolved?.link).toBeUndefined();
  });
});

describe('getStreamMetadata', () => {
  test('returns the last metadata, with increasing revisions', async () => {
    const stream = aStream();
    expect((await client().getStreamMetadata(stream)).metadata).toBeUndefined();
    await client().setStreamMetadata(stream, { maxAge: 60, mine: 1 });
    const second = await client().setStreamMetadata(stream, { mine: 2 }, { expectedRevision: 0n });
    expect(second.nextExpectedRevision).toBe(1n);
    expect((await client().getStreamMetadata(stream)).metadata).toMatchObject({ mine: 2 });
    const visible = await all(client().readStream(`$$${stream}`));
    expect(revisions(visible)).toEqual([1]);
    // With its metadata a stream exists.
    await client().appendToStream(stream, jsonEvent({ type: 'a', data: {} }), {
      expectedRevision: 'stream_exists',
    });
  });
});

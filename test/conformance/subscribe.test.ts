import { beforeAll, describe, expect, test } from 'vitest';
import { END, START, type ResolvedEvent } from '@eventstore/db-client';
import { all, aStream, isReal, jsonEvents, served } from './front.support.ts';
import { listener, type Said } from './subscribe.support.ts';

const { client } = served();

const indexes = (events: readonly ResolvedEvent[]): number[] =>
  events.map(({ event }) => Number(event?.revision));
const count = (said: readonly Said[], kind: Said['kind']): number =>
  said.filter((one) => one.kind === kind).length;
/** A real 24.6 says it again when many events come at once. */
const expectCaughtUp = (said: readonly Said[]): void => {
  if (isReal) expect(count(said, 'caughtUp')).toBeGreaterThan(0);
  else expect(count(said, 'caughtUp')).toBe(1);
};

beforeAll(async () => {
  await client().appendToStream('others', jsonEvents(10));
});

describe('subscribeToStream', () => {
  test.each([
    ['its start', START, [0, 1, 2, 3]],
    ['a revision', 1n, [2, 3]],
    ['its last revision', 3n, []],
    ['a revision above the end', 5n, []],
    ['its end', END, []],
  ] as const)('delivers the events after %s', async (_, fromRevision, history) => {
    const stream = aStream();
    await client().appendToStream(stream, jsonEvents(4));
    const heard = listener().listen(client().subscribeToStream(stream, { fromRevision }));
    await heard.untilCaughtUp();
    expect(heard.kinds()).toEqual(['confirmation', ...history.map(() => 'event'), 'caughtUp']);
    expect(indexes(heard.events())).toEqual(history);
    for (let n = 0; n < 4; n += 1) await client().appendToStream(stream, jsonEvents(1));
    const live = fromRevision === 5n ? [6, 7] : [4, 5, 6, 7];
    await heard.untilEvents(history.length + live.length);
    expect(indexes(heard.events())).toEqual([...history, ...live]);
    expect(count(heard.said, 'caughtUp')).toBe(1);
    expect(count(heard.said, 'confirmation')).toBe(1);
    await heard.stop();
  });

  test('waits for a stream that does not exist yet', async () => {
    const stream = aStream();
    const heard = listener().listen(client().subscribeToStream(stream));
    // A real 23.10 is caught up once the stream is there.
    await heard.until(() => heard.kinds().includes(isReal ? 'confirmation' : 'caughtUp'));
    await client().appendToStream(stream, jsonEvents(3));
    await heard.untilEvents(3);
    const kinds = isReal ? heard.kinds().filter((kind) => kind !== 'caughtUp') : heard.kinds();
    const caughtUp = isReal ? [] : ['caughtUp'];
    expect(kinds).toEqual(['confirmation', ...caughtUp, 'event', 'event', 'event']);
    await heard.stop();
  });

  test('ends when its reader leaves the loop', async () => {
    const stream = aStream();
    await client().appendToStream(stream, jsonEvents(9));
    const seen: unknown[] = [];
    for await (const event of client().subscribeToStream(stream)) {
      seen.push(event);
      if (seen.length === 9) break;
    }
    expect(seen).toHaveLength(9);
  });
});

describe('subscribeToAll', () => {
  test('delivers the history, caughtUp once, and then live events', async () => {
    const before = await all(client().readAll());
    const heard = listener().listen(client().subscribeToAll());
    await heard.untilCaughtUp();
    expect(heard.events()).toEqual(before);
    expect(before.some(({ event }) => event?.type.startsWith('$'))).toBe(true);
    await client().appendToStream(aStream(), jsonEvents(4));
    await heard.untilEvents(before.length + 4);
    expectCaughtUp(heard.said);
    expect(heard.kinds()[0]).toBe('confirmation');
    await heard.stop();
  });

  // A real server has the events of other files too.
  test.skipIf(isReal)('starts after a position or at the end', async () => {
    const [marker] = await all(
      client().readAll({ maxCount: 1, direction: 'backwards', fromPosition: END }),
    );
    const fromPosition = marker?.event?.position ?? START;
    const heard = listener().listen(client().subscribeToAll({ fromPosition }));
    const late = listener().listen(client().subscribeToAll({ fromPosition: END }));
    await Promise.all([heard.untilCaughtUp(), late.untilCaughtUp()]);
    await client().appendToStream(aStream(), jsonEvents(4));
    await Promise.all([heard.untilEvents(4), late.untilEvents(4)]);
    for (const one of [heard, late]) {
      expect(one.kinds()).toEqual(['confirmation', 'caughtUp', 'event', 'event', 'event', 'event']);
      await one.stop();
    }
  });

  test('misses and repeats no event during concurrent appends', async () => {
    const stream = aStream();
    const total = 1_500;
    const heard = listener();
    const writing = (async () => {
      for (let n = 0; n < total; n += 15) {
        await client().appendToStream(stream, jsonEvents(15));
        if (n === 450) heard.listen(client().subscribeToAll());
      }
    })();
    const mine = (): number[] =>
      indexes(heard.events().filter(({ event }) => event?.streamId === stream));
    await writing;
    await heard.until(() => mine().length >= total);
    expect(mine()).toEqual(Array.from({ length: total }, (_, n) => n));
    expectCaughtUp(heard.said);
    await heard.stop();
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  eventTypeFilter,
  excludeSystemEvents,
  jsonEvent,
  START,
  streamNameFilter,
  UnknownError,
  type Filter,
} from '@eventstore/db-client';
import { all, failure, isReal, jsonEvents, served } from './front.support.ts';
import { listener } from './subscribe.support.ts';

const { client } = served();

describe('subscribeToAll with a filter', () => {
  test.each<readonly [string, Filter, readonly string[]]>([
    ['a name prefix', streamNameFilter({ prefixes: ['red'] }), ['red-1:Alpha', 'red-2:Beta']],
    ['prefixes', streamNameFilter({ prefixes: ['red-2', 'blüe'] }), ['red-2:Beta', 'blüe-1:Alpha']],
    ['a name pattern', streamNameFilter({ regex: '^[a-z]+-2' }), ['red-2:Beta', 'green-2:Gamma']],
    ['a pattern anywhere', streamNameFilter({ regex: 'üe' }), ['blüe-1:Alpha']],
    [
      'a type prefix',
      eventTypeFilter({ prefixes: ['Al', 'Ga'] }),
      ['red-1:Alpha', 'blüe-1:Alpha', 'green-2:Gamma'],
    ],
    [
      'a type pattern',
      eventTypeFilter({ regex: '^(Be|Ga)[a-z]*$' }),
      ['red-2:Beta', 'green-2:Gamma'],
    ],
    [
      'no system events',
      excludeSystemEvents(),
      ['red-1:Alpha', 'red-2:Beta', 'blüe-1:Alpha', 'green-2:Gamma'],
    ],
    ['names without a match', streamNameFilter({ prefixes: ['%', '_ed'] }), []],
  ])('delivers events by %s', async (name, filter, expected) => {
    // A real server has the events of other files too.
    if (isReal && name === 'no system events') return;
    for (const event of ['red-1:Alpha', 'red-2:Beta', 'blüe-1:Alpha', 'green-2:Gamma']) {
      const [stream = '', type = ''] = event.split(':');
      await client()
        .appendToStream(stream, jsonEvent({ type, data: {} }), { expectedRevision: 'no_stream' })
        .catch(() => undefined);
    }
    const heard = listener().listen(client().subscribeToAll({ filter }));
    await heard.untilCaughtUp();
    const names = heard.events().map(({ event }) => `${event?.streamId}:${event?.type}`);
    expect(names).toEqual(expected);
    await heard.stop();
  });

  test.skipIf(isReal).each([
    ['that is no regular expression', '('],
    ['that is too long', 'a'.repeat(1_025)],
    ['with a lookahead', 'a(?=b)'],
    ['with a backreference', String.raw`(a)\1`],
    ['that grows without bound', '((a{1000}){1000}){1000}'],
    ['of many counted repetitions', '.{0,1000}'.repeat(100)],
    ['of many small repetitions', '.{0,30}'.repeat(100)],
  ])('refuses a pattern %s', async (_, regex) => {
    const subscription = client().subscribeToAll({ filter: streamNameFilter({ regex }) });
    await failure(all(subscription), UnknownError);
  });

  test.skipIf(isReal)(
    'matches a pattern that backtracks without end elsewhere, beside appends of others',
    async () => {
      await client().appendToStream('a'.repeat(60), jsonEvents(1));
      const readers = Array.from({ length: 30 }, () => {
        const heard = listener();
        const filter = streamNameFilter({ regex: '^(a|a)*$|^(a+)+!$' });
        return heard.listen(client().subscribeToAll({ filter }));
      });
      await Promise.all(readers.map((heard) => heard.untilCaughtUp()));
      await client().appendToStream('after', jsonEvents(1));
      const names = readers.map((heard) => heard.events().map(({ event }) => event?.streamId));
      expect(names).toEqual(readers.map(() => ['a'.repeat(60)]));
      await Promise.all(readers.map((heard) => heard.stop()));
    },
  );
});

describe('checkpoints of a filtered subscription', () => {
  test.skipIf(isReal)(
    'come after each multiple of the search window and once when caught up',
    async () => {
      const marker = await client().appendToStream('marker', jsonEvents(1));
      for (let n = 0; n < 5; n += 1) await client().appendToStream('noise', jsonEvents(100));
      await client().appendToStream('signal-1', jsonEvents(1));
      const heard = listener();
      heard.listen(
        client().subscribeToAll({
          ...(marker.position === undefined ? {} : { fromPosition: marker.position }),
          filter: streamNameFilter({
            prefixes: ['signal'],
            checkpointInterval: 3,
            checkpointReached: heard.checkpointReached,
          }),
        }),
      );
      await heard.untilCaughtUp();
      // 501 events at 96 each; the event itself comes before the last one, which is its place.
      expect(heard.kinds()).toEqual([
        'confirmation',
        ...Array.from({ length: 5 }, () => 'checkpoint'),
        'event',
        'checkpoint',
        'caughtUp',
      ]);
      const [event] = heard.events();
      expect(heard.checkpoints().at(-1)).toEqual(event?.event?.position);
      const before = heard.checkpoints().length;
      await client().appendToStream('noise', jsonEvents(200));
      await heard.until(() => heard.checkpoints().length >= before + 2);
      const places = heard.checkpoints().map(({ commit }) => commit);
      expect(places).toEqual(places.toSorted((a, b) => Number(a - b)));
      expect(new Set(places).size).toBe(places.length);
      await heard.stop();
    },
  );

  test('are 6 or 7 over 384 events at an interval of 2 with a slow handler', async () => {
    const marker = await client().appendToStream('mark', jsonEvents(1));
    await client().appendToStream('counted', jsonEvents(8));
    const heard = listener();
    let active = false;
    heard.listen(
      client().subscribeToAll({
        fromPosition: marker.position ?? START,
        filter: excludeSystemEvents({
          checkpointInterval: 2,
          async checkpointReached(subscription, position) {
            active = true;
            await delay(100);
            active = false;
            await heard.checkpointReached(subscription, position);
          },
        }),
      }),
    );
    for (let n = 0; n < 18; n += 1) {
      await client().appendToStream('counted', jsonEvents(20));
      await delay(10);
    }
    await client().appendToStream('counted', jsonEvents(16));
    await heard.untilEvents(384);
    expect(active).toBe(false);
    // The last of them follows the last event.
    await heard.until(() => heard.checkpoints().length >= 6);
    expect([6, 7]).toContain(heard.checkpoints().length);
    expect(heard.events()).toHaveLength(384);
    await heard.stop();
  });
});

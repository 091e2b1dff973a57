import { expect } from './expect.ts';
import type { ContractRunner } from './runner.ts';
import { comparePositions } from '../../domain/core/positions.ts';
import type { EventToAppend } from '../../domain/core/recorded-event.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import {
  allForwards,
  anEvent,
  events,
  idsOf,
  reopen,
  streamForwards,
  uniquePrefix,
  write,
  type StoreUnderTest,
} from './event-store-support.ts';

const WRITERS = 64;

export function appendSuite(
  { describe, test }: ContractRunner,
  { store, fixture, promises }: StoreUnderTest,
): void {
  describe('append at an exact revision', () => {
    test('numbers a stream from 0 without gaps and answers with the last event', async () => {
      const stream = `${uniquePrefix()}a`;
      const first = await write(store(), stream, 'no_stream', events(2));
      const second = await write(store(), stream, 1n, events(3));
      expect([first.revision, second.revision]).toEqual([1n, 4n]);
      const stored = await streamForwards(store(), stream);
      expect(stored.map(({ revision }) => revision)).toEqual([0n, 1n, 2n, 3n, 4n]);
      expect(stored[1]?.position).toEqual(first.position);
      expect(stored[4]?.position).toEqual(second.position);
    });

    test('stores events unchanged', async () => {
      const stream = `${uniquePrefix()}a`;
      const event = anEvent(7, { type: 'Said', data: { text: 'hello', deep: [{ a: null }] } });
      const { position } = await write(store(), stream, 'no_stream', [event]);
      expect(await streamForwards(store(), stream)).toEqual([
        { ...event, stream, revision: 0n, position },
      ]);
    });

    test('answers a wrong revision with the actual one and writes nothing', async () => {
      const stream = `${uniquePrefix()}a`;
      expect(await store().append(stream, 0n, events(1))).toEqual({
        outcome: 'conflict',
        actual: 'no_stream',
      });
      expect(await streamForwards(store(), stream)).toEqual([]);
      const written = events(3);
      await write(store(), stream, 'no_stream', written);
      for (const expected of ['no_stream', 0n, 1n, 3n, 100n] as const) {
        expect(await store().append(stream, expected, events(2))).toEqual({
          outcome: 'conflict',
          actual: 2n,
        });
      }
      expect(idsOf(await streamForwards(store(), stream))).toEqual(idsOf(written));
    });

    test('checks the revision of an empty list and writes nothing', async () => {
      const stream = `${uniquePrefix()}a`;
      expect(await store().append(stream, 'no_stream', [])).toMatchObject({
        outcome: 'appended',
        revision: -1n,
      });
      await write(store(), stream, 'no_stream', events(2));
      expect(await store().append(stream, 1n, [])).toMatchObject({
        outcome: 'appended',
        revision: 1n,
      });
      for (const expected of ['no_stream', 0n, 2n] as const) {
        expect(await store().append(stream, expected, [])).toEqual({
          outcome: 'conflict',
          actual: 1n,
        });
      }
      expect(await streamForwards(store(), stream)).toHaveLength(2);
    });
  });

  describe('a repeated append', () => {
    test('gets the first answer again, also after later appends, and writes nothing', async () => {
      const stream = `${uniquePrefix()}a`;
      const [one, two, three] = [events(2), events(3), events(1)];
      const first = await write(store(), stream, 'no_stream', one);
      expect(await store().append(stream, 'no_stream', one)).toEqual(first);
      const second = await write(store(), stream, 1n, two);
      await write(store(), stream, 4n, three);
      expect(await store().append(stream, 'no_stream', one)).toEqual(first);
      expect(await store().append(stream, 1n, two)).toEqual(second);
      expect(idsOf(await streamForwards(store(), stream))).toEqual(
        idsOf([...one, ...two, ...three]),
      );
    });

    test('is a conflict when only some of the events are the stored ones', async () => {
      const stream = `${uniquePrefix()}a`;
      const written = events(3);
      await write(store(), stream, 'no_stream', written);
      const [a, b, c] = written;
      if (a === undefined || b === undefined || c === undefined) throw new Error('three events');
      const wrong: EventToAppend[][] = [
        [a, b, anEvent(9)],
        [anEvent(9), b, c],
        [a, b, c, anEvent(9)],
        [b, a, c],
        [b, c],
      ];
      for (const list of wrong) {
        expect(await store().append(stream, 'no_stream', list)).toEqual({
          outcome: 'conflict',
          actual: 2n,
        });
      }
      expect(await store().append(stream, 0n, [b, anEvent(9)])).toMatchObject({
        outcome: 'conflict',
      });
    });

    test('is recognised by its ids alone, in any case', async () => {
      const stream = `${uniquePrefix()}a`;
      const event = anEvent(1, { id: crypto.randomUUID().toUpperCase() });
      const first = await write(store(), stream, 'no_stream', [event]);
      const again = { ...event, id: event.id.toLowerCase(), data: { other: true } };
      expect(await store().append(stream, 'no_stream', [again])).toEqual(first);
      const [stored] = await streamForwards(store(), stream);
      expect(stored).toMatchObject({ id: event.id.toLowerCase(), data: event.data });
    });

    if (!promises.isDurable) return;
    test('is recognised after the log was opened again', async () => {
      const stream = `${uniquePrefix()}a`;
      const list = events(2);
      const first = await write(store(), stream, 'no_stream', list);
      const later = await write(store(), stream, 1n, events(1));
      const reopened = await reopen(fixture());
      expect(await reopened.append(stream, 'no_stream', list)).toEqual(first);
      expect(await reopened.append(stream, 'no_stream', events(1))).toEqual({
        outcome: 'conflict',
        actual: 2n,
      });
      const next = await write(reopened, stream, 2n, events(1));
      expect(comparePositions(next.position, later.position)).toBeGreaterThan(0);
      expect(await streamForwards(reopened, stream)).toHaveLength(4);
    });
  });

  describe(`${WRITERS} appends at once`, () => {
    test('are each contiguous in the log', async () => {
      const prefix = uniquePrefix();
      const lists = Array.from({ length: WRITERS }, (_, n) => ({
        stream: `${prefix}${n}`,
        list: events(1 + (n % 4)),
      }));
      const results = await Promise.all(
        lists.map(({ stream, list }) => write(store(), stream, 'no_stream', list)),
      );
      const order = lists
        .map(({ list }, n) => ({ list, at: results[n]?.position ?? { commit: 0n, prepare: 0n } }))
        .sort((a, b) => comparePositions(a.at, b.at));
      const log = await allForwards(store(), prefix);
      expect(idsOf(log)).toEqual(order.flatMap(({ list }) => idsOf(list)));
      for (const [n, { position }] of log.entries()) {
        const next = log[n + 1];
        if (next === undefined) break;
        expect(comparePositions(position, next.position)).toBeLessThan(0);
      }
    });

    const assertInOrder = async (appendedTo: EventStore): Promise<void> => {
      const prefix = uniquePrefix();
      const lists = Array.from({ length: WRITERS }, (_, n) => {
        const text = 'x'.repeat(n % 8 === 0 ? 100_000 : 10);
        return [...events(n % 3), anEvent(n, { data: { text } })];
      });
      const results = lists.map((list, n) => write(appendedTo, `${prefix}${n}`, 'no_stream', list));
      await Promise.all(results);
      expect(idsOf(await allForwards(appendedTo, prefix))).toEqual(lists.flatMap(idsOf));
    };

    test('are written in the order in which they are made', async () => {
      await assertInOrder(store());
    });

    if (promises.isDurable) {
      test('are written in the order in which they are made, while the store is being opened', async () => {
        await assertInOrder(await reopen(fixture()));
      });
    }

    test('write exactly one at one revision of one stream', async () => {
      const stream = `${uniquePrefix()}a`;
      const lists = Array.from({ length: WRITERS }, () => events(2));
      const results = await Promise.all(
        lists.map((list) => store().append(stream, 'no_stream', list)),
      );
      const winners = results.flatMap(({ outcome }, n) => (outcome === 'appended' ? [n] : []));
      expect(winners).toHaveLength(1);
      expect(results.filter(({ outcome }) => outcome === 'conflict')).toHaveLength(WRITERS - 1);
      expect(idsOf(await streamForwards(store(), stream))).toEqual(
        idsOf(lists[winners[0] ?? -1] ?? []),
      );
    });

    test('get the same answer and write once when they are the same append', async () => {
      const stream = `${uniquePrefix()}a`;
      const list = events(3);
      const results = await Promise.all(
        Array.from({ length: WRITERS }, () => store().append(stream, 'no_stream', list)),
      );
      for (const result of results) expect(result).toEqual(results[0]);
      expect(idsOf(await streamForwards(store(), stream))).toEqual(idsOf(list));
    });
  });
}

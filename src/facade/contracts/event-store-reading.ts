import { expect } from './expect.ts';
import { forRandomCases } from './random.ts';
import type { ContractRunner } from './runner.ts';
import { comparePositions } from '../../domain/core/positions.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { EventToAppend } from '../../domain/core/recorded-event.ts';
import {
  all,
  allForwards,
  events,
  idsOf,
  uniquePrefix,
  write,
  type StoreUnderTest,
} from './event-store-support.ts';

const directions = ['forwards', 'backwards'] as const;

/** More than any store's page. */
const LONG = 1_300;

async function writeLong(store: EventStore, stream: string): Promise<EventToAppend[]> {
  const list = events(LONG);
  for (let at = 0; at < LONG; at += 100) {
    await write(store, stream, at === 0 ? 'no_stream' : BigInt(at - 1), list.slice(at, at + 100));
  }
  return list;
}

export function readingSuite({ describe, test }: ContractRunner, { store }: StoreUnderTest): void {
  describe('readStream', () => {
    test('reads the whole stream in pages in both directions', async () => {
      const stream = `${uniquePrefix()}a`;
      const ids = idsOf(await writeLong(store(), stream));
      const forwards = await all(store().readStream(stream, { direction: 'forwards' }));
      expect(idsOf(forwards)).toEqual(ids);
      const backwards = await all(store().readStream(stream, { direction: 'backwards' }));
      expect(idsOf(backwards)).toEqual(ids.toReversed());
    });

    test('starts at `from`, inclusive, and stops after `maxCount`', async () => {
      const stream = `${uniquePrefix()}a`;
      const ids = idsOf(await writeLong(store(), stream));
      for (const from of [0, 1, 511, 512, 513, LONG - 1, LONG, LONG + 5]) {
        for (const maxCount of [undefined, 0, 1, 512, 513]) {
          const options = { from: BigInt(from), maxCount };
          const forwards = await all(
            store().readStream(stream, { direction: 'forwards', ...options }),
          );
          expect(idsOf(forwards)).toEqual(ids.slice(from, from + (maxCount ?? LONG)));
          const backwards = await all(
            store().readStream(stream, { direction: 'backwards', ...options }),
          );
          const head = ids.slice(0, from + 1).toReversed();
          expect(idsOf(backwards)).toEqual(head.slice(0, maxCount ?? LONG));
        }
      }
    });

    test('yields nothing for a missing stream', async () => {
      for (const direction of directions) {
        expect(await all(store().readStream(`${uniquePrefix()}a`, { direction }))).toEqual([]);
      }
    });

    test('does not read streams with a longer name', async () => {
      const prefix = uniquePrefix();
      await write(store(), `${prefix}a`, 'no_stream', events(1));
      await write(store(), `${prefix}ab`, 'no_stream', events(2));
      expect(await all(store().readStream(`${prefix}a`, { direction: 'forwards' }))).toHaveLength(
        1,
      );
    });
  });

  describe('readAll', () => {
    test('reads streams whose name starts with any of the prefixes', async () => {
      const prefix = uniquePrefix();
      const names = [
        'a-1',
        'a-10',
        'a-2',
        'ab',
        'b-1',
        'é',
        'é\u{10FFFF}',
        '\uFFFF1',
        '🚨1',
        '🚨2',
      ];
      for (const name of names) await write(store(), prefix + name, 'no_stream', events(1));
      const matching = async (...prefixes: string[]): Promise<string[]> =>
        (await allForwards(store(), ...prefixes.map((text) => prefix + text))).map(({ stream }) =>
          stream.slice(prefix.length),
        );
      expect(await matching('')).toEqual(names);
      expect(await matching('a-1')).toEqual(['a-1', 'a-10']);
      expect(await matching('b', 'a-2')).toEqual(['a-2', 'b-1']);
      expect(await matching('a', 'a-1', 'a')).toEqual(['a-1', 'a-10', 'a-2', 'ab']);
      expect(await matching('é')).toEqual(['é', 'é\u{10FFFF}']);
      expect(await matching('é\u{10FFFF}', '🚨')).toEqual(['é\u{10FFFF}', '🚨1', '🚨2']);
      expect(await matching('\uFFFF')).toEqual(['\uFFFF1']);
      expect(await matching('c', 'A')).toEqual([]);
      const many = Array.from({ length: 300 }, (_, n) => `none${n}.`);
      expect(await matching(...many, 'ab', 'b')).toEqual(['ab', 'b-1']);
    });

    test('reads many pages in both directions from any position', async () => {
      const prefix = uniquePrefix();
      await write(store(), `${prefix}b`, 'no_stream', events(1));
      await writeLong(store(), `${prefix}a`);
      await write(store(), `${prefix}b`, 0n, events(1));
      const log = await allForwards(store(), prefix);
      expect(log).toHaveLength(LONG + 2);
      for (const at of [0, 1, 600, LONG + 1]) {
        const from = log[at]?.position;
        for (const maxCount of [undefined, 1, 513]) {
          const options = { prefixes: [prefix], from, maxCount };
          const forwards = await all(store().readAll({ direction: 'forwards', ...options }));
          const backwards = await all(store().readAll({ direction: 'backwards', ...options }));
          const end = at + 1 + (maxCount ?? LONG + 2);
          expect(idsOf(forwards)).toEqual(idsOf(log.slice(at + 1, end)));
          expect(idsOf(backwards)).toEqual(
            idsOf(
              log
                .slice(0, at)
                .toReversed()
                .slice(0, maxCount ?? LONG + 2),
            ),
          );
        }
      }
      const backwards = await all(store().readAll({ direction: 'backwards', prefixes: [prefix] }));
      expect(idsOf(backwards)).toEqual(idsOf(log.toReversed()));
    });

    test('reads exactly the rest from any position with any filter', async () => {
      await forRandomCases(25, async (draw) => {
        const list = Array.from({ length: draw(1, 12) }, () => ({
          stream: draw(0, 3),
          count: draw(1, 3),
        }));
        const some = [0, 1, 2, 3].filter(() => draw(0, 1) === 1);
        const wanted = some.length === 0 ? [draw(0, 3)] : some;
        const prefix = uniquePrefix();
        const revisions = new Map<number, bigint>();
        for (const { stream, count } of list) {
          const last = revisions.get(stream);
          const result = await write(
            store(),
            `${prefix}${stream}-x`,
            last ?? 'no_stream',
            events(count),
          );
          revisions.set(stream, result.revision);
        }
        const log = await allForwards(store(), prefix);
        expect(log).toEqual(log.toSorted((a, b) => comparePositions(a.position, b.position)));
        const at = draw(0, log.length - 1);
        const prefixes = wanted.map((stream) => `${prefix}${stream}-`);
        const matches = ({ stream }: { stream: string }): boolean =>
          prefixes.some((text) => stream.startsWith(text));
        const from = log[at]?.position;
        const after = await all(store().readAll({ direction: 'forwards', prefixes, from }));
        expect(idsOf(after)).toEqual(idsOf(log.slice(at + 1).filter(matches)));
        const before = await all(store().readAll({ direction: 'backwards', prefixes, from }));
        expect(idsOf(before)).toEqual(idsOf(log.slice(0, at).filter(matches).toReversed()));
      });
    });
  });
}

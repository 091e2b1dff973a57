import { expect } from './expect.ts';
import type { ContractRunner } from './runner.ts';
import { MAX_STORED_DEPTH, type Json, type JsonObject } from '../../domain/core/json.ts';
import type { AppendRefusal } from '../../domain/ports/event-store.ts';
import type { EventToAppend } from '../../domain/core/recorded-event.ts';
import {
  allForwards,
  anEvent,
  events,
  streamForwards,
  uniquePrefix,
  write,
  type StoreUnderTest,
} from './event-store-support.ts';

const MIB = 1024 * 1024;
/** Stores count a type's bytes once or twice; this leaves room for either. */
const ROOM = 1024;

export function refusalSuite({ describe, test }: ContractRunner, { store }: StoreUnderTest): void {
  const refusal = async (
    stream: string,
    list: readonly EventToAppend[],
  ): Promise<AppendRefusal | undefined> => {
    const result = await store().append(stream, 'no_stream', list);
    return result.outcome === 'refused' ? result.reason : undefined;
  };

  describe('append accepts', () => {
    test('text of every script, escapes, and numbers at their limits', async () => {
      const stream = `${uniquePrefix()}日本 ünï/cödé 🚨\u{10FFFF}%:"'`;
      const data = {
        emoji: '👩‍👩‍👧‍👦 🚨',
        han: '重要紧急任务',
        rtl: 'مرحبا',
        controls: '\u0001\n\r\t"\\\u2028\uFFFD',
        'key with 🔑': [0, -0.5, 1e-7, Number.MAX_SAFE_INTEGER, true, false, null, '', {}, []],
      };
      const event = anEvent(0, {
        type: 'Gesagt.日本🚨',
        data,
        metadata: { ...data, __proto__: null },
      });
      await write(store(), stream, 'no_stream', [event]);
      const [stored] = await streamForwards(store(), stream);
      expect(stored).toMatchObject({ stream, type: event.type });
      expect(stored?.data).toEqual(data);
      expect(stored?.metadata).toEqual(data);
    });

    test('an append just below the limit of 1 MiB', async () => {
      const stream = `${uniquePrefix()}a`;
      const half = 'x'.repeat(MIB / 2 - ROOM);
      const list = [anEvent(0, { data: { half } }), anEvent(1, { data: { half } })];
      await write(store(), stream, 'no_stream', list);
      expect((await streamForwards(store(), stream)).map(({ data }) => data)).toEqual([
        { half },
        { half },
      ]);
    });
  });

  describe('append refuses and writes nothing for', () => {
    test('an append above the limit, in bytes', async () => {
      const stream = `${uniquePrefix()}a`;
      expect(await refusal(stream, [anEvent(0, { data: { x: 'x'.repeat(MIB) } })])).toBe(
        'too_large',
      );
      // Half as many characters, but each takes three bytes.
      expect(await refusal(stream, [anEvent(0, { data: { x: '日'.repeat(MIB / 2) } })])).toBe(
        'too_large',
      );
      const many = Array.from({ length: 5 }, (_, n) =>
        anEvent(n, { metadata: { x: 'x'.repeat(MIB / 4) } }),
      );
      expect(await refusal(stream, many)).toBe('too_large');
      expect(await streamForwards(store(), stream)).toEqual([]);
    });

    test('data and metadata that nest too deep', async () => {
      const stream = `${uniquePrefix()}a`;
      const nested = (levels: number): JsonObject => {
        let inner: Json = 'here';
        for (let n = 1; n < levels; n += 1) inner = [inner];
        return { inner };
      };
      for (const levels of [MAX_STORED_DEPTH + 1, 100_000]) {
        const data = nested(levels);
        expect(await refusal(stream, [anEvent(0, { data })])).toBe('invalid_argument');
        expect(await refusal(stream, [anEvent(0, { metadata: data })])).toBe('invalid_argument');
      }
      expect(await streamForwards(store(), stream)).toEqual([]);
      const data = nested(MAX_STORED_DEPTH);
      await write(store(), stream, 'no_stream', [anEvent(0, { data })]);
      const [stored] = await streamForwards(store(), stream);
      expect(JSON.stringify(stored?.data)).toBe(JSON.stringify(data));
    });

    test('ids that are no UUIDs and an id twice in one append', async () => {
      const prefix = uniquePrefix();
      for (const id of [
        '',
        'x',
        '00000000-0000-0000-0000-000000000000',
        `${crypto.randomUUID()}0`,
      ]) {
        expect(await refusal(`${prefix}a`, [anEvent(0), anEvent(1, { id })])).toBe(
          'invalid_argument',
        );
      }
      const event = anEvent(0);
      expect(await refusal(`${prefix}a`, [event, event])).toBe('invalid_argument');
      expect(await allForwards(store(), prefix)).toEqual([]);
    });

    test('empty types and names, and streams of the server', async () => {
      const prefix = uniquePrefix();
      expect(await refusal(`${prefix}a`, [anEvent(0, { type: '' })])).toBe('invalid_argument');
      for (const name of [
        '',
        '$',
        '$all',
        '$$meta',
        `$ce-${prefix}`,
        `${prefix}\u0000`,
        `${prefix}\uD800`,
      ]) {
        expect(await refusal(name, events(1))).toBe('invalid_argument');
      }
      expect(await allForwards(store(), prefix)).toEqual([]);
    });

    test('revisions below 0', async () => {
      const result = await store().append(`${uniquePrefix()}a`, -1n, events(1));
      expect(result).toMatchObject({ outcome: 'refused', reason: 'invalid_argument' });
    });
  });
}

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  irregularMap,
  isRegular,
  regularMap,
  type Reached,
  type ScannedMessage,
} from '../../src/projections/publisher/sequence-map.ts';

const stampOf = (ordinal: bigint) => ({
  ordinal,
  id: `id-${ordinal}`,
  digest: `digest-${ordinal}`,
});

/** What a server stores of a pipelined list while others write too: each slot has our message or a foreign one. */
function store(mark: Reached, slots: readonly boolean[]): readonly ScannedMessage[] {
  const base = mark.sequence - mark.ordinal;
  return slots.map((isOurs, index) => {
    const sequence = mark.sequence + BigInt(index) + 1n;
    // The fence lets a message in only at its own place.
    return { sequence, identity: isOurs ? stampOf(sequence - base) : 'foreign' };
  });
}

const marks = fc.record({
  ordinal: fc.bigInt(0n, 50n),
  sequence: fc.bigInt(50n, 90n),
});

describe('sequence map', () => {
  test('is base + ordinal without foreign messages', () => {
    const mark = { ordinal: 3n, sequence: 10n };
    const { sequenceOf, checkpointSequence, missing, foreign } = regularMap(mark, 12n);
    expect([sequenceOf(4n), checkpointSequence(5n), missing, foreign]).toEqual([11n, 12n, 0, 0]);
  });

  test('counts foreign messages after the last message as an offset', () => {
    const mark = { ordinal: 2n, sequence: 2n };
    const seen: ScannedMessage[] = [
      { sequence: 3n, identity: stampOf(3n) },
      { sequence: 4n, identity: 'foreign' },
    ];
    const placement = irregularMap(mark, seen, 4n, 100);
    expect(placement).toMatchObject({ foreign: 1, missing: 0, last: { ordinal: 3n } });
    expect(placement?.sequenceOf(4n)).toBe(5n);
  });

  test('moves a message to the end whose sequence a foreign message took', () => {
    const mark = { ordinal: 0n, sequence: 0n };
    const seen = store(mark, [true, false, true]);
    const placement = irregularMap(mark, seen, 3n, 100);
    expect(placement).toMatchObject({ foreign: 1, missing: 1 });
    expect([1n, 2n, 3n, 4n].map((n) => placement?.sequenceOf(n))).toEqual([1n, 4n, 3n, 5n]);
    expect([0n, 1n, 2n, 3n].map((n) => placement?.checkpointSequence(n))).toEqual([0n, 2n, 2n, 4n]);
  });

  test('gives each message one sequence, keeps stored sequences, and its checkpoints hide no message', () => {
    fc.assert(
      fc.property(marks, fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), (mark, slots) => {
        const seen = store(mark, slots);
        const end = mark.sequence + BigInt(slots.length);
        const placement = irregularMap(mark, seen, end, 1000);
        expect(placement).toBeDefined();
        if (placement === undefined) return;
        const { sequenceOf, checkpointSequence, last } = placement;
        const stored = seen.flatMap(({ sequence, identity }) =>
          typeof identity === 'object' ? [{ sequence, ordinal: identity.ordinal }] : [],
        );
        for (const { sequence, ordinal } of stored) expect(sequenceOf(ordinal)).toBe(sequence);
        const ordinals = Array.from({ length: 60 }, (_, i) => mark.ordinal + BigInt(i + 1));
        const places = ordinals.map(sequenceOf);
        expect(new Set(places).size).toBe(places.length);
        // What is not stored goes to the end, in the list's order and without gaps.
        const later = places.filter((place) => place > end);
        expect(later).toEqual(later.map((_, i) => end + BigInt(i + 1)));
        const highest = last?.ordinal ?? mark.ordinal;
        for (const ordinal of [mark.ordinal, ...ordinals]) {
          const beyond = stored.filter((message) => message.ordinal > ordinal);
          expect(beyond.every(({ sequence }) => sequence > checkpointSequence(ordinal))).toBe(true);
          if (ordinal > highest) expect(checkpointSequence(ordinal)).toBe(sequenceOf(ordinal));
        }
        expect(seen.every((message) => isRegular(mark, message))).toBe(!slots.includes(false));
      }),
    );
  });

  test('is undefined when more messages are missing than can be in flight', () => {
    const mark = { ordinal: 0n, sequence: 0n };
    expect(irregularMap(mark, [{ sequence: 1n, identity: stampOf(99n) }], 1n, 50)).toBeUndefined();
  });
});

// Long lists in turns of the event loop.
import { describe, expect, it } from 'vitest';
import { inTurns, ITEMS_PER_TURN } from '../../src/projections/publisher/turns.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe('inTurns', () => {
  it.each([0, 1, ITEMS_PER_TURN - 1, ITEMS_PER_TURN, ITEMS_PER_TURN + 1, 3 * ITEMS_PER_TURN])(
    'yields %i items in order',
    async (count) => {
      const batches: (readonly number[])[] = [];
      for await (const batch of inTurns(upTo(count))) batches.push(batch);
      expect(batches.flat()).toEqual(upTo(count));
      expect(batches).not.toContainEqual([]);
    },
  );

  it('lets other work run after each batch', async () => {
    let turns = 0;
    let goesOn = true;
    const count = (): void => {
      turns += 1;
      if (goesOn) setImmediate(count);
    };
    setImmediate(count);
    const turnsAtBatches: number[] = [];
    for await (const _ of inTurns(upTo(3 * ITEMS_PER_TURN))) turnsAtBatches.push(turns);
    goesOn = false;
    const [first = 0, second = 0, third = 0] = turnsAtBatches;
    expect(second).toBeGreaterThan(first);
    expect(third).toBeGreaterThan(second);
  });
});

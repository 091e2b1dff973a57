// Whole files of triggers through the product, against answers that were worked out without it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { oracle } from '../oracle/oracle.mjs';
import { productAnswer, raiseText } from '../support/raise-lines.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { makeWorld } from '../support/world.ts';
import { smallDataText } from './generate.ts';
import { LONG_PROOF_MS } from '../support/timeouts.ts';

const here = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');

describe('the small data set', () => {
  const text = here('small.ndjson');
  const expected: unknown = JSON.parse(here('small.expected.json'));

  it('is what its generator makes', () => {
    expect(text).toBe(smallDataText());
  });

  it('has the answer that the oracle works out', () => {
    expect(oracle(text)).toEqual(expected);
  });

  it('has the same answer from the product', async () => {
    const world = await makeWorld();
    const { answer, triggered, replayed } = await productAnswer(world, text);
    expect(answer).toEqual(expected);
    expect(triggered).toBe(answer.raised);
    expect(replayed).toMatchObject({
      triggers: answer.raised,
      published: answer.published,
      suppressed: answer.suppressed,
      parked: 0,
    });
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
  });

  it('changes nothing when it comes again', async () => {
    const world = await makeWorld();
    await productAnswer(world, text);
    const before = world.output.messages.length;
    const { read, raised, duplicates, conflicts } = await raiseText(world, text);
    expect(raised).toBe(0);
    expect(duplicates + conflicts).toBe(read);
    expect(await world.project()).toMatchObject({ triggered: 0, published: 0, suppressed: 0 });
    expect(world.output.messages).toHaveLength(before);
  });
});

describe('the examples of the first start', () => {
  it('show duplicates, suppressed notices and mock time, as the oracle says', async () => {
    const text = here('../../examples/triggers.ndjson');
    const { answer } = await productAnswer(
      await makeWorld({ start: '2026-05-01T00:00:00Z' }),
      text,
    );
    expect(answer).toEqual(oracle(text));
    expect(answer.duplicates).toBeGreaterThan(3);
    expect(answer.suppressed).toBeGreaterThan(3);
    expect(answer.mockNotifications).toBe(1);
  });
});

const folder = process.env['TOCSIN_TEST_DATA'];

describe('the recorded data set [needs TOCSIN_TEST_DATA]', () => {
  it.skipIf(folder === undefined)(
    'gives exactly the counts and the digest that were worked out for it',
    async () => {
      const read = (name: string): string => readFileSync(join(folder ?? '', name), 'utf8');
      const text = read('commit-triggers.ndjson');
      const expected: unknown = JSON.parse(read('commit-triggers.expected.json'));
      const world = await makeWorld();
      const { answer, stored } = await productAnswer(world, text);
      expect(expected).toMatchObject({
        read: answer.read,
        raised: answer.raised,
        trigger_duplicates: answer.duplicates,
        published: answer.published,
        suppressed: answer.suppressed,
        dedupe_keys_sha256: answer.dedupe_keys_sha256,
      });
      expect(stored).toEqual({ triggers: answer.raised, notifications: answer.published });
      expect(oracle(text)).toEqual(answer);
      expect(await world.project()).toMatchObject({ triggered: 0, published: 0 });
    },
    LONG_PROOF_MS,
  );
});

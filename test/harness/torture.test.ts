// Half a minute of everything at once, on real processes: kills, freezes, second starts, torn connections,
// failing writes, a disk that goes back in time. `npm run torture` does it for as long as you like.
import { expect, test } from 'vitest';
import { isClean, summaryOf, torture } from './torture.ts';
import { LONG_PROOF_MS } from '../support/timeouts.ts';

const SECONDS = 30;

test.each([20_261_124])(
  'torture loses no message and stores none twice (seed %i)',
  { timeout: LONG_PROOF_MS },
  async (seed) => {
    const result = await torture({ seconds: SECONDS, seed, workers: 1 });
    process.stdout.write(`torture (seed ${seed}): ${summaryOf(result)}\n`);
    for (const text of result.skipped) process.stdout.write(`SKIPPED ${text}\n`);
    const { messages, raises, differences, failures } = result;
    for (const text of [...differences, ...failures]) process.stdout.write(`DIFFERENCE ${text}\n`);
    expect({ messages, raises, differences, failures }).toEqual({
      messages: { lost: 0, duplicated: 0, reordered: 0, strange: 0, examples: [] },
      raises: { lost: 0, duplicated: 0, reordered: 0, strange: 0, examples: [] },
      differences: [],
      failures: [],
    });
    expect(isClean(result)).toBe(true);
    // It was a torture, and something was tortured.
    expect(result.counts.kills).toBeGreaterThanOrEqual(4);
    expect(result.counts.killsUnacknowledged).toBeGreaterThanOrEqual(2);
    expect(result.expected).toBeGreaterThan(100);
    expect(result.calls).toBeGreaterThan(50);
  },
);

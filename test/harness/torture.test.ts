// Half a minute of everything at once, one part of it against the front as it is and one against it as EventStoreDB
// 23.10, on real processes: kills, SIGTERM, freezes, second starts, torn and refused connections, failing writes, a disk
// and a log that go back in time. `npm run torture` does it for as long as you like.
import { expect, test } from 'vitest';
import { isClean, summaryOf, torture } from './torture.ts';
import { LONG_PROOF_MS } from '../support/timeouts.ts';

const SECONDS = 15;

test.each([
  [undefined, 20_261_124],
  ['23.10', 20_261_125],
] as const)(
  'torture loses no message and stores none twice (front like %s, seed %i)',
  { timeout: LONG_PROOF_MS },
  async (like, seed) => {
    const result = await torture({ seconds: SECONDS, seed, workers: 1, like });
    process.stdout.write(`torture (like ${like}, seed ${seed}): ${summaryOf(result)}\n`);
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
    expect(result.counts.kills).toBeGreaterThanOrEqual(2);
    expect(result.counts.killsUnacknowledged).toBeGreaterThanOrEqual(1);
    expect(result.expected).toBeGreaterThan(50);
    expect(result.calls).toBeGreaterThan(25);
  },
);

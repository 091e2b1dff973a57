// Raisers, projectors and delivery workers at once, on one virtual clock, under any schedule and scripted
// faults: crashes of anybody between any two effects, answers that are lost, connections that break, acks
// that are held, a server that loses what it acknowledged, an upgrade half-way. `MODEL_RUNS` tries more,
// `MODEL_SEED` others.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/domain/core/json.ts';
import { raiseLines } from '../support/arbitraries.ts';
import { expectEnd, expectPrefix } from './checks.ts';
import { runModel, type ModelOptions } from './run.ts';

const runs = Number(process.env['MODEL_RUNS'] ?? 20);
const seed = Number(process.env['MODEL_SEED'] ?? 20_261_124);
const timeoutMs = 60_000 + runs * 3_000;

const HALF_HOUR_MS = 1_800_000;
const policies = fc.constantFrom<ModelOptions['policy'][]>(
  { kind: 'tumbling', windowMs: HALF_HOUR_MS },
  { kind: 'anchored', windowMs: 1_200_000 },
  { kind: 'rolling', windowMs: HALF_HOUR_MS, count: 2 },
);

/** A key stands for one request: another test covers other requests with the key. */
function oneRequestPerKey(lines: readonly JsonObject[]): JsonObject[] {
  const first = new Map<string, JsonObject>();
  return lines.map((line) => {
    if (line['idempotency_key'] === undefined) return line;
    const key = JSON.stringify([line['user_id'], line['trigger_type'], line['idempotency_key']]);
    const known = first.get(key) ?? line;
    first.set(key, known);
    return known;
  });
}

/** Two users within three quarters of an hour, so that windows are full and conditions recur. */
const lines = fc
  .tuple(raiseLines, fc.constantFrom(1, 1, 1, 2, 'ada.l'), fc.nat({ max: 44 }), fc.nat({ max: 9 }))
  .map(([line, user, minute, target]): JsonObject => {
    const requestedAt = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
    return { ...line, user_id: user, requested_at: requestedAt, target_id: target + 1 };
  });

const options: fc.Arbitrary<ModelOptions> = fc.record({
  seed: fc.integer(),
  lines: fc.array(lines, { minLength: 1, maxLength: 14 }).map(oneRequestPerKey),
  faults: fc.nat({ max: 20 }),
  policy: policies,
  upgrades: fc.boolean(),
});

async function endsWell(run: ModelOptions): Promise<void> {
  await expectEnd(await runModel(run, expectPrefix));
}

describe('model of raisers, projectors and workers', () => {
  it(
    'raises, publishes and delivers everything once under any faults',
    async () => {
      await fc.assert(fc.asyncProperty(options, endsWell), { numRuns: runs, seed });
    },
    timeoutMs,
  );

  it('repeats the same schedule and faults for the same seed', async () => {
    const [run] = fc.sample(
      options.filter(({ faults, lines }) => faults > 8 && lines.length > 5),
      { numRuns: 1, seed },
    );
    if (run === undefined) throw new Error('there is a sample');
    const trace = async (more: Partial<ModelOptions>): Promise<readonly string[]> =>
      (await runModel({ ...run, ...more }, () => Promise.resolve())).schedule.trace;
    const first = await trace({});
    expect(await trace({})).toEqual(first);
    expect(await trace({ seed: run.seed + 1 })).not.toEqual(first);
    expect(first.filter((what) => what.startsWith('fault:')).length).toBeGreaterThan(4);
  });
});

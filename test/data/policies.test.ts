// Whole files under an anchored policy, against the definition written down once more; and simulations of
// them, which must say exactly what happened where nothing is different.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryReadModel } from '../../src/adapters/sqlite/read-model.ts';
import type { Policy } from '../../src/domain/policy/policy.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { replay } from '../../src/projections/audit/replay.ts';
import { simulate, type SimulationResult } from '../../src/projections/audit/simulate.ts';
import { memoryReadModel } from '../../src/testing.ts';
import { setPolicy } from '../support/policies.ts';
import { raiseText } from '../support/raise-lines.ts';
import { eventsOf, makeWorld, type World } from '../support/world.ts';

const MINUTE = 60_000;

const anchored = (minutes: number): Policy => ({
  kind: 'anchored',
  windowMs: minutes * MINUTE,
  axis: 'requestedAt',
});

/** Each request's event, and whether it is let through: no notice within the window on either side. */
async function byDefinition(store: EventStore, windowMs: number): Promise<[string, boolean][]> {
  const sent = new Map<string, number[]>();
  const lines: [string, boolean][] = [];
  for (const { type, id, data } of await eventsOf(store)) {
    if (type !== 'NotificationRequested') continue;
    const fields = data as Record<string, unknown>;
    const key = JSON.stringify([fields['mock'], fields['userId'], fields['triggerType']]);
    const at = Date.parse(String(fields['triggerRequestedAt']));
    const times = sent.get(key) ?? [];
    const lets = times.every((then) => Math.abs(at - then) >= windowMs);
    if (lets) sent.set(key, [...times, at]);
    lines.push([id, lets]);
  }
  return lines;
}

async function simulated(
  { store }: World,
  before: Policy | undefined,
  after: Policy,
): Promise<SimulationResult> {
  const sideOf = (policy: Policy | undefined, state: ReturnType<typeof temporaryReadModel>) => ({
    policies: policy && new Map([['*', policy]]),
    state,
  });
  using one = temporaryReadModel();
  using other = temporaryReadModel();
  return await simulate(store, {
    kernel: 'tocsin',
    before: sideOf(before, one),
    after: sideOf(after, other),
    axis: 'requestedAt',
    limitPerMinute: 100,
  });
}

async function underAnAnchoredPolicy(text: string): Promise<void> {
  const world = await makeWorld();
  await setPolicy(world.store, anchored(30));
  await raiseText(world, text);
  const state = memoryReadModel();
  const { published } = await replay(world.store, state, 'tocsin');
  const lines = await byDefinition(world.store, 30 * MINUTE);
  const verdicts = [...state.verdicts()];
  expect(verdicts.map(({ event, verdict }) => [event, verdict === 'published'])).toEqual(lines);

  const asItWas = await simulated(world, undefined, anchored(30));
  expect(asItWas).toMatchObject({ newlySent: 0, newlySuppressed: 0, firstDifference: undefined });
  expect(asItWas.after).toEqual(asItWas.before);
  expect(asItWas.requests).toBeLessThanOrEqual(lines.length);
  expect(asItWas.after.published).toBeLessThanOrEqual(published);

  const [shorter, longer] = [10, 120];
  const others = await simulated(world, anchored(shorter), anchored(longer));
  expect(others.before.published).toBeGreaterThanOrEqual(asItWas.after.published);
  expect(others.after.published).toBeLessThanOrEqual(asItWas.after.published);
  expect(others.before.shortestGap?.ms ?? Infinity).toBeGreaterThanOrEqual(shorter * MINUTE);
  expect(others.after.shortestGap?.ms ?? Infinity).toBeGreaterThanOrEqual(longer * MINUTE);
  const difference = others.after.published - others.before.published;
  expect(others.newlySent - others.newlySuppressed).toBe(difference);
  for (const side of ['before', 'after'] as const) {
    const days = others.days.reduce((sum, day) => sum + day[side], 0);
    expect(days).toBe(others[side].published);
  }
}

describe('under anchored 30m on requestedAt', () => {
  it('the small data set is decided line by line as the definition says', async () => {
    await underAnAnchoredPolicy(readFileSync(new URL('small.ndjson', import.meta.url), 'utf8'));
  }, 60_000);

  const folder = process.env['TOCSIN_TEST_DATA'];
  it.skipIf(folder === undefined)(
    'the recorded triggers [needs TOCSIN_TEST_DATA] are decided line by line as the definition says',
    async () => {
      await underAnAnchoredPolicy(
        readFileSync(join(folder ?? '', 'commit-triggers.ndjson'), 'utf8'),
      );
    },
    240_000,
  );
});

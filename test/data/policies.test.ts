// Whole files under an anchored policy, against the definition written down once more; and simulations of
// them, which must say exactly what happened where nothing is different.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryReadModel } from '../../src/adapters/sqlite/read-model.ts';
import type { Policy } from '../../src/domain/policy/policy.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { simulate, type SimulationResult } from '../../src/projections/audit/simulate/simulate.ts';
import { memoryReadModel } from '../../src/testing.ts';
import { foldItems, policySet, throughOf, type Item } from '../support/folding.ts';
import { setPolicy } from '../support/policies.ts';
import { raiseText } from '../support/raise-lines.ts';
import { eventsOf, makeWorld, type World } from '../support/world.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

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
  it(
    'the small data set is decided line by line as the definition says',
    async () => {
      await underAnAnchoredPolicy(readFileSync(new URL('small.ndjson', import.meta.url), 'utf8'));
    },
    SLOW_TEST_MS,
  );

  const folder = process.env['TOCSIN_TEST_DATA'];
  it.skipIf(folder === undefined)(
    'the recorded triggers [needs TOCSIN_TEST_DATA] are too, and a longer window lets no more through',
    async () => {
      const text = readFileSync(join(folder ?? '', 'commit-triggers.ndjson'), 'utf8');
      const requests = requestsOf(text);
      const counts: number[] = [];
      for (const minutes of [10, 30, 120]) {
        const folded = await foldItems([policySet(anchored(minutes)), ...requests]);
        const lets = throughOf(folded);
        if (minutes === 30) expect(lets).toEqual(requestsByDefinition(requests, 30 * MINUTE));
        counts.push(lets.filter(Boolean).length);
      }
      expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    },
    SLOW_TEST_MS,
  );
});

type Asked = Extract<Item, { kind: 'request' }>;

/** Each line as a request of its own: that some are duplicates as triggers changes nothing here. */
function requestsOf(text: string): readonly Asked[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line): Asked => {
      const fields = JSON.parse(line) as Record<string, unknown>;
      return {
        kind: 'request',
        at: Date.parse(String(fields['requested_at'])),
        user: String(fields['user_id']),
        triggerType: String(fields['trigger_type']),
      };
    });
}

function requestsByDefinition(requests: readonly Asked[], windowMs: number): boolean[] {
  const sent = new Map<string, number[]>();
  return requests.map(({ at, user = '', triggerType = '' }) => {
    const key = JSON.stringify([user, triggerType]);
    const times = sent.get(key) ?? [];
    const lets = times.every((then) => Math.abs(at - then) >= windowMs);
    if (lets) sent.set(key, [...times, at]);
    return lets;
  });
}

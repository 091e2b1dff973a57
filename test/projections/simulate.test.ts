// Simulation: the policies in force give exactly what happened, and another policy gives what it would
// have given if it had been in force.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryReadModel } from '../../src/testing.ts';
import type { Policy } from '../../src/domain/policy/policy.ts';
import { simulate, type Replacement } from '../../src/projections/audit/simulate/simulate.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { ndjson, raiseLines } from '../support/arbitraries.ts';
import { endDelivery, sentNotificationsOf, setPolicy } from '../support/policies.ts';
import { raiseText } from '../support/raise-lines.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';

const MINUTE = 60_000;
const anchored = (minutes: number): Policy => ({
  kind: 'anchored',
  windowMs: minutes * MINUTE,
  axis: 'requestedAt',
});
const forAll = (policy: Policy): Replacement => new Map([['*', policy]]);

const simulated = ({ store }: World, after: Replacement, before?: Replacement) =>
  simulate(store, {
    kernel: 'tocsin',
    before: { policies: before, state: memoryReadModel() },
    after: { policies: after, state: memoryReadModel() },
    axis: 'requestedAt',
    limitPerMinute: 1,
  });

/** One trigger of user 1 at each of these minutes past nine. */
async function raisedAt(minutes: readonly number[]): Promise<World> {
  const world = await makeWorld();
  for (const [n, minute] of minutes.entries()) {
    const requestedAt = new Date(Date.UTC(2026, 0, 1, 9) + minute * MINUTE).toISOString();
    await raised(world.kernel, anInput(n + 1, { requestedAt }));
  }
  return world;
}

describe('simulate', () => {
  it('gives the recorded verdicts for the policy in force', async () => {
    const history = fc.array(raiseLines, { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(history, fc.constantFrom(10, 30, 90), async (lines, minutes) => {
        const world = await makeWorld();
        await setPolicy(world.store, anchored(minutes));
        await raiseText(world, ndjson(lines));
        const result = await simulated(world, forAll(anchored(minutes)));
        expect(result).toMatchObject({ newlySent: 0, newlySuppressed: 0 });
        expect(result.firstDifference).toBeUndefined();
        expect(result.after).toEqual(result.before);
        const state = memoryReadModel();
        await replay(world.store, state, 'tocsin');
        const live = [...state.sentNotifications()].filter(({ mock }) => !mock);
        expect(result.before.published).toBe(live.length);
      }),
      { numRuns: 25 },
    );
  });

  it('reports the differences of another policy, the first difference first', async () => {
    const world = await raisedAt([0, 29, 31, 50]);
    const result = await simulated(world, forAll(anchored(30)));
    const about = { user: '1', triggerType: 'important_urgent_task' };
    expect(result).toMatchObject({
      requests: 4,
      newlySent: 0,
      newlySuppressed: 0,
      firstDifference: undefined,
      before: { published: 2, suppressed: 2, usersNotified: 1, minutesOverLimit: 0 },
      after: { published: 2, suppressed: 2, shortestGap: { ms: 31 * MINUTE, ...about } },
    });
    const longer = await simulated(world, forAll(anchored(40)));
    const [first] = await noticesAfterProjection(world);
    expect(longer).toMatchObject({
      newlySent: 1,
      newlySuppressed: 1,
      firstDifference: {
        ...about,
        at: Date.UTC(2026, 0, 1, 9, 31),
        before: { verdict: 'published', reason: 'first_in_window', basis: null },
        after: { verdict: 'suppressed', reason: 'within_window', basis: first?.id },
      },
      before: { longestSilence: { ms: 29 * MINUTE } },
      after: { longestSilence: { ms: 31 * MINUTE }, peakMinute: { notices: 1 } },
      users: { more: 0, fewer: 0, same: 1, largest: [] },
      days: [{ day: Date.UTC(2026, 0, 1), before: 2, after: 2 }],
    });
  });

  it('compares two policies that were not in force', async () => {
    const world = await raisedAt([0, 20, 40, 60]);
    const result = await simulated(world, forAll(anchored(10)), forAll(anchored(60)));
    expect([result.before.published, result.after.published]).toEqual([2, 4]);
    expect(result).toMatchObject({ newlySent: 2, newlySuppressed: 0, users: { more: 1 } });
    expect(result.users.largest).toEqual([{ user: '1', before: 2, after: 4 }]);
  });

  it('replaces the policy of one type, and keeps the policies of the log for other types', async () => {
    const world = await makeWorld();
    await setPolicy(world.store, anchored(60), 'important_urgent_task');
    for (const [n, minute] of [0, 40].entries()) {
      const requestedAt = new Date(Date.UTC(2026, 0, 1, 9, minute)).toISOString();
      await raised(world.kernel, anInput(n + 1, { requestedAt }));
    }
    const other = await simulated(world, new Map([['unfinished_feedback', anchored(1)]]));
    expect([other.before.published, other.after.published]).toEqual([1, 1]);
    const this_ = await simulated(world, new Map([['important_urgent_task', anchored(30)]]));
    expect([this_.before.published, this_.after.published]).toEqual([1, 2]);
  });

  it('ignores delivery events of notifications that would not exist, and counts new notifications as delivered', async () => {
    const world = await raisedAt([0, 35]);
    await world.project();
    const second = sentNotificationsOf(world)[1];
    if (second === undefined) throw new Error('the second was not let through');
    await endDelivery(world.store, second, 'DeliveryDied');
    const requestedAt = new Date(Date.UTC(2026, 0, 1, 9, 36)).toISOString();
    await raised(world.kernel, anInput(99, { requestedAt }));
    const result = await simulated(world, forAll(anchored(60)));
    expect(result.before.reasons).toMatchObject({ 'published reopened': 1 });
    expect(result.after).toMatchObject({ published: 1, suppressed: 2 });
  });
});

async function noticesAfterProjection(world: World) {
  await world.project();
  return sentNotificationsOf(world);
}

// Projector, replay, verify, simulate and explain agree about policies per target and without windows, wherever a
// projector was stopped and another went on.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryReadModel, snapshotOf } from '../../src/adapters/memory/read-model.ts';
import { dedupeKeyOf } from '../../src/domain/policy/dedupe-key.ts';
import { parsePolicy } from '../../src/domain/policy/text.ts';
import type { Policy } from '../../src/domain/policy/policy.ts';
import { explain } from '../../src/projections/audit/explain/explain.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { simulate } from '../../src/projections/audit/simulate/simulate.ts';
import { derivedDifferences, verified } from '../support/audited.ts';
import { endDelivery, sentNotificationsOf, setPolicy } from '../support/policies.ts';
import { anInput, makeWorld, raised, type World } from '../support/world.ts';

const MINUTE = 60_000;

function policyOf(text: string): Policy {
  const parsed = parsePolicy(text);
  if (parsed.ok) return parsed.value;
  throw new Error(parsed.error.map(({ field, message }) => `${field} ${message}`).join());
}

type Step = {
  readonly after: number;
  readonly target: number;
  readonly user: number;
  readonly projects: boolean;
  readonly dies: boolean;
};

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    after: fc.integer({ min: 0, max: 20 }),
    target: fc.integer({ min: 1, max: 3 }),
    user: fc.integer({ min: 1, max: 2 }),
    projects: fc.boolean(),
    dies: fc.boolean(),
  }),
  { minLength: 1, maxLength: 15 },
);

/** Takes the steps; returns the ids of the triggers. */
async function taken(world: World, all: readonly Step[]): Promise<string[]> {
  const triggers: string[] = [];
  for (const [n, { after, target, user, projects, dies }] of all.entries()) {
    world.clock.advance(after * MINUTE);
    const triggerType = 'unfinished_feedback';
    // By feedback, so that no two are duplicates of each other.
    const about = { userId: user, triggerType, feedbackId: `f${n}` };
    triggers.push((await raised(world.kernel, anInput(target, about))).triggerId);
    if (projects) await world.project();
    const last = sentNotificationsOf(world).at(-1);
    if (dies && last !== undefined) await endDelivery(world.store, last, 'DeliveryDied');
  }
  await world.project();
  return triggers;
}

const POLICIES = [
  'tumbling 30m per target',
  'tumbling 30m phase keyHash per target on recordedAt',
  'anchored 30m per target',
  'rolling 2 1h per target',
  'session 15m max 1h per target',
  'none',
  'none stale 2h',
];

describe.each(POLICIES)('the policy %s', (text) => {
  it('gives the same verdicts and messages to all who decide', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 7 }), async (all, pageEntries) => {
        const world = await makeWorld({ pageEntries });
        await setPolicy(world.store, policyOf(text));
        const triggers = await taken(world, all);
        const live = world.file.snapshot();

        const again = memoryReadModel();
        const replayed = await replay(world.store, again, 'tocsin');
        const { sentNotifications, suppressedRequests } = again.snapshot();
        expect(sentNotifications).toEqual(live.sentNotifications);
        expect(suppressedRequests).toEqual(live.suppressedRequests);
        const keys = live.sentNotifications.map(dedupeKeyOf).sort();
        expect([...again.dedupeKeys()]).toEqual(keys);

        expect(derivedDifferences(await verified(world))).toEqual([]);

        const simulated = await simulate(world.store, {
          kernel: 'tocsin',
          before: { state: memoryReadModel() },
          after: { policies: new Map([['*', policyOf(text)]]), state: memoryReadModel() },
          axis: 'requestedAt',
          limitPerMinute: 100,
        });
        expect(simulated.firstDifference).toBeUndefined();
        const { published, suppressed } = replayed;
        expect(simulated.after).toMatchObject({ published, suppressed });

        const verdicts = world.file.open();
        for (const [n, trigger] of triggers.entries()) {
          const { decision } = await explain(
            { log: world.store, kernel: 'tocsin', verdicts },
            trigger,
          );
          const { verdict, reason } = live.verdicts[n] ?? {};
          expect(decision).toMatchObject({ verdict, reason });
        }
        expect(snapshotOf(verdicts)).toEqual(live);
      }),
      { numRuns: 25 },
    );
  });
});

describe('a policy per target', () => {
  it('tells each of four overdue invoices, and a policy without windows tells each request', async () => {
    const world = await makeWorld();
    await setPolicy(world.store, policyOf('anchored 7d per target'));
    const raise = (target: number, n: number) =>
      raised(
        world.kernel,
        anInput(target, { triggerType: 'unfinished_feedback', feedbackId: `f${n}` }),
      );
    for (const [n, target] of [1, 2, 3, 4, 1, 2].entries()) await raise(target, n);
    await world.project();
    expect(sentNotificationsOf(world).map(({ targetId }) => targetId)).toEqual([
      '1',
      '2',
      '3',
      '4',
    ]);
    world.clock.advance(8 * 24 * 60 * MINUTE);
    await raise(1, 7);
    await raise(3, 8);
    await setPolicy(world.store, policyOf('none'));
    for (const n of [9, 10]) await raise(1, n);
    await world.project();
    const bodies = world.output.messages
      .map(({ data }): unknown => JSON.parse(Buffer.from(data).toString()))
      .filter((body): body is Record<string, unknown> => {
        return typeof body === 'object' && body !== null && 'notification_id' in body;
      });
    const first_at = '2026-01-01T10:00:00.000Z';
    expect(bodies.map((body) => body['suppressed_since'])).toEqual([
      ...Array.from({ length: 4 }, () => undefined),
      { count: 1, first_at },
      undefined,
      undefined,
      undefined,
    ]);
    const keys = bodies.map((body) => String(body['dedupe_key']));
    expect(keys.slice(0, 2)).toEqual([
      `1:unfinished_feedback:task_pool:1:2026-01-01T10:00:00Z`,
      `1:unfinished_feedback:task_pool:2:2026-01-01T10:00:00Z`,
    ]);
    expect(keys.slice(6)).toEqual(
      bodies.slice(6).map((body) => `1:unfinished_feedback:${String(body['notification_id'])}`),
    );
    expect(new Set(keys).size).toBe(keys.length);
  });
});

// What a notification tells of suppressed requests, for any requests in any order, any policies and any pages: against a
// plain count.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Policy } from '../../src/domain/policy/policy.ts';
import { foldItems, policySet, type Folded, type Item } from '../support/folding.ts';

type Told = { readonly count: number; readonly firstAt: number } | null;

/** One loop over the verdicts: the requests that were suppressed since the last notification of their key. */
function toldOf(items: readonly Item[], { verdicts }: Folded): Told[] {
  const suppressed = new Map<string, number[]>();
  const told: Told[] = [];
  let isPerTarget = false;
  let nth = 0;
  for (const item of items) {
    if (item.kind === 'change' && item.change.type === 'NotificationPolicySet') {
      const { policy } = item.change.data;
      isPerTarget = policy.kind !== 'none' && policy.per === 'target';
    }
    if (item.kind !== 'request') continue;
    const key = JSON.stringify([item.user, isPerTarget ? item.target : null]);
    const since = suppressed.get(key) ?? [];
    if (verdicts[nth]?.verdict === 'suppressed') suppressed.set(key, [...since, item.at]);
    else {
      told.push(since[0] === undefined ? null : { count: since.length, firstAt: since[0] });
      suppressed.delete(key);
    }
    nth += 1;
  }
  return told;
}

const instant = fc.integer({ min: 0, max: 200 });
const user = fc.constantFrom('1', '2');
const target = fc.constantFrom('1', '2', '3');
const policy: fc.Arbitrary<Policy> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('tumbling' as const, 'anchored' as const),
    windowMs: fc.integer({ min: 1, max: 90 }),
    phase: fc.constant(0),
    per: fc.constantFrom('target' as const, 'user' as const, undefined),
    axis: fc.constantFrom('requestedAt' as const, 'recordedAt' as const),
    staleAfterMs: fc.constantFrom(undefined, 20),
  }),
  fc.record({ kind: fc.constant('none' as const), staleAfterMs: fc.constantFrom(undefined, 20) }),
);
const item: fc.Arbitrary<Item> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant('request' as const),
      at: instant,
      recordedAt: instant,
      user,
      target,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('undelivered' as const),
      nth: fc.nat({ max: 20 }),
      user,
    }),
  },
  { weight: 1, arbitrary: policy.map((each) => policySet(each)) },
  {
    weight: 1,
    arbitrary: instant.map((until): Item => {
      const data = { triggerType: '*', until };
      return { kind: 'change', change: { type: 'NotificationsMuted', data } };
    }),
  },
);
const pages = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

describe('a notification', () => {
  it('tells how many requests of its key were suppressed since the one before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(item, { maxLength: 60 }), pages, async (items, sizes) => {
        const folded = await foldItems(items, sizes);
        const told = folded.notices.map(({ suppressedSince }) => suppressedSince);
        expect(told).toEqual(toldOf(items, folded));
      }),
      { numRuns: 400 },
    );
  });
});

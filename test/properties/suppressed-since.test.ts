// What a notification tells of suppressed requests, for any requests in any order, any policies and any pages: against a
// plain count.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Policy } from '../../src/domain/policy/policy.ts';
import { foldItems, policySet, type Folded, type Item } from '../support/folding.ts';

type Told = { readonly count: number; readonly firstAt: number } | null;

type Counted = { readonly nth: number; readonly at: number };

/** The requests that were suppressed since the last notification of their key; `firstAt` if its request was removed. */
type Since = { readonly counted: readonly Counted[]; readonly firstAt?: number };

const NONE: Since = { counted: [] };

/** The decisions in their order. A released request has two, and the fold keeps the last one's verdict. */
function decisionsOf({ verdicts }: Folded): ReadonlyMap<number, string> {
  // Item n is at position n + 1, and a position has at most one decision.
  return new Map(verdicts.map((row) => [Number(row.position.commit) - 1, row.verdict]));
}

/** One loop over the items: each key has the list of its suppressed requests. */
function toldOf(items: readonly Item[], folded: Folded): Told[] {
  const decisions = decisionsOf(folded);
  const requests = items.flatMap((item) => (item.kind === 'request' ? [item] : []));
  const since = new Map<string, Since>();
  const told: Told[] = [];
  let isPerTarget = false;
  let nth = -1;
  for (const [index, item] of items.entries()) {
    if (item.kind === 'change' && item.change.type === 'NotificationPolicySet') {
      const { policy } = item.change.data;
      isPerTarget = policy.kind !== 'none' && policy.per === 'target';
    }
    if (item.kind === 'request') nth += 1;
    if (item.kind !== 'request' && item.kind !== 'release') continue;
    const about = item.kind === 'request' ? { nth, request: item } : released(requests, item.nth);
    if (about === undefined) continue;
    const { request } = about;
    const key = JSON.stringify([request.user, isPerTarget ? request.target : null]);
    if (decisions.get(index) === 'published') {
      const { counted, firstAt } = since.get(key) ?? NONE;
      const others = counted.filter((other) => other.nth !== about.nth);
      const first = counted[0]?.nth === about.nth ? others[0]?.at : (firstAt ?? others[0]?.at);
      told.push(
        first === undefined || others.length === 0
          ? null
          : { count: others.length, firstAt: first },
      );
      since.delete(key);
      removeFrom(since, about.nth);
    } else if (item.kind === 'request') {
      const { counted, ...before } = since.get(key) ?? NONE;
      since.set(key, { ...before, counted: [...counted, { nth, at: item.at }] });
    }
  }
  return told;
}

type Requested = Extract<Item, { kind: 'request' }>;

function released(requests: readonly Requested[], nth: number) {
  const request = requests[nth];
  return request && { nth, request };
}

/** A request that was published counts under no key any more. The time of the first stays. */
function removeFrom(since: Map<string, Since>, nth: number): void {
  for (const [key, { counted, firstAt = counted[0]?.at }] of since) {
    const others = counted.filter((other) => other.nth !== nth);
    if (others.length === counted.length) continue;
    if (others.length === 0) since.delete(key);
    else since.set(key, firstAt === undefined ? { counted: others } : { counted: others, firstAt });
  }
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
      expiresAt: fc.constantFrom(150, 400),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('release' as const),
      nth: fc.nat({ max: 20 }),
      at: instant,
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

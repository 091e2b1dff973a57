// Releases of muted requests, for any requests in any order: against a plain list of decisions, each decided as the
// definition of the policy says.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Policy } from '../../src/domain/policy/policy.ts';
import { bruteForce, type Definition } from '../oracle/policies.ts';
import { foldItems, policySet, type Item } from '../support/folding.ts';

type Step =
  | { readonly kind: 'request'; at: number; recordedAt: number; target: string; expiresAt: number }
  | { readonly kind: 'mute'; readonly until: number }
  | { readonly kind: 'release'; readonly nth: number; readonly at: number };

type Decided = { nth: number; step: number; at: number; target: string; isRelease: boolean };

/** The decisions in their order, and for each muted request whether it is released in the end. */
function decisionsOf(all: readonly Step[], axis: 'requestedAt' | 'recordedAt') {
  const requests = all.flatMap((step, index) =>
    step.kind === 'request' ? [{ ...step, index }] : [],
  );
  const muted = new Map<number, number>();
  const decided: Decided[] = [];
  let until = 0;
  let nth = -1;
  for (const [step, each] of all.entries()) {
    if (each.kind === 'mute') ({ until } = each);
    if (each.kind === 'request') {
      nth += 1;
      if (each.recordedAt < until) muted.set(nth, step);
      else {
        const at = axis === 'requestedAt' ? each.at : each.recordedAt;
        decided.push({ nth, step, at, target: each.target, isRelease: false });
      }
    }
    if (each.kind === 'release') {
      const request = requests[each.nth];
      if (request === undefined || !muted.has(each.nth) || each.at >= request.expiresAt) continue;
      muted.delete(each.nth);
      const at = axis === 'requestedAt' ? request.at : each.at;
      decided.push({ nth: each.nth, step, at, target: request.target, isRelease: true });
    }
  }
  return { requests, muted, decided };
}

const size = fc.integer({ min: 1, max: 30 });
const definition: fc.Arbitrary<Definition> = fc
  .record({
    kind: fc.oneof(
      fc.record({ kind: fc.constant('tumbling' as const), windowMs: size, phase: size }),
      fc.record({ kind: fc.constant('anchored' as const), windowMs: size }),
      fc.record({
        kind: fc.constant('rolling' as const),
        count: fc.constantFrom(1, 2),
        windowMs: size,
      }),
      fc.record({ kind: fc.constant('session' as const), gapMs: size, maxMs: fc.constant(40) }),
    ),
    per: fc.constantFrom('target' as const, undefined),
  })
  .map(({ kind, per }) => ({ ...kind, per }));
const instant = fc.integer({ min: 0, max: 100 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('request' as const),
      at: instant,
      recordedAt: instant,
      target: fc.constantFrom('1', '2'),
      expiresAt: fc.integer({ min: 50, max: 200 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('mute' as const), until: instant }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('release' as const),
      nth: fc.nat({ max: 20 }),
      at: fc.integer({ min: 0, max: 150 }),
    }),
  },
);
const steps = fc.array(step, { maxLength: 40 });
const pages = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
const axes = fc.constantFrom('requestedAt' as const, 'recordedAt' as const);

describe('a release', () => {
  it('decides a muted request once more, at its place and before its expiry, as its policy says', async () => {
    await fc.assert(
      fc.asyncProperty(definition, axes, steps, pages, async (defined, axis, all, sizes) => {
        // Every request is stale: a release does not ask for that.
        const policy: Policy = { ...withoutKind(defined), axis };
        const items = all.map((each): Item => {
          if (each.kind !== 'mute') return each;
          const data = { triggerType: '*', until: each.until };
          return { kind: 'change', change: { type: 'NotificationsMuted', data } };
        });
        const { verdicts, notices } = await foldItems([policySet(policy), ...items], sizes);

        const { requests, muted, decided } = decisionsOf(all, axis);
        const lets = bruteForce({ ...defined, axis }, decided);
        const expected = [
          ...decided.map(({ nth, step: at }, n) => [
            nth,
            at,
            lets[n] === true ? 'published' : 'suppressed',
          ]),
          ...[...muted].map(([nth, at]) => [nth, at, 'silenced']),
        ];
        const found = verdicts.map(({ event, position, verdict, reason }) => [
          Number(event.slice(-12)),
          // The policy is the first event, and positions count from one.
          Number(position.commit) - 2,
          reason === 'silenced' ? reason : verdict,
        ]);
        const byRequest = (a: (string | number)[], b: (string | number)[]) =>
          Number(a[0]) - Number(b[0]);
        expect(found.toSorted(byRequest)).toEqual(expected.toSorted(byRequest));
        expect(found).toHaveLength(requests.length);

        const told = notices.map(({ suppressedSince }) => suppressedSince);
        expect(told).toEqual(toldOf(all, decided, lets, defined.per === 'target'));
      }),
      { numRuns: 400 },
    );
  });
});

function withoutKind(defined: Definition) {
  if (defined.kind === 'none') throw new Error('it has windows');
  return defined;
}

/** What each notification tells of the requests that were suppressed before it; a released one never counts itself. */
function toldOf(
  all: readonly Step[],
  decided: readonly Decided[],
  lets: readonly boolean[],
  isPerTarget: boolean,
) {
  const outstanding = new Map<string, { nth: number; at: number }[]>();
  const told: ({ count: number; firstAt: number } | null)[] = [];
  let nth = -1;
  for (const [step, each] of all.entries()) {
    if (each.kind === 'request') nth += 1;
    const n = decided.findIndex((decision) => decision.step === step);
    const decision = decided[n];
    if (decision === undefined && each.kind !== 'request') continue;
    const target = decision?.target ?? (each.kind === 'request' ? each.target : '');
    const key = isPerTarget ? target : '';
    const since = outstanding.get(key) ?? [];
    if (decision !== undefined && lets[n] === true) {
      const others = since.filter((other) => other.nth !== decision.nth);
      const first = others[0];
      told.push(first === undefined ? null : { count: others.length, firstAt: first.at });
      outstanding.delete(key);
    } else if (each.kind === 'request') {
      outstanding.set(key, [...since, { nth, at: each.at }]);
    }
  }
  return told;
}

// What every dedupe policy promises, for any requests in any order: against the definitions, written
// down once more, and as the properties P1 to P10.
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { SEVERITIES } from '../../src/domain/core/severity.ts';
import type { Axis, Policy } from '../../src/domain/policy/policy.ts';
import { bruteForce, type Definition, type Happening } from '../oracle/policies.ts';
import { foldItems, policySet, throughOf, type Item } from '../support/folding.ts';
import { verdictsOf } from '../support/policies.ts';
import { anInput, eventsOf, makeWorld } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

const RUNS = { numRuns: 300 };

/** Small numbers, so that boundaries are met all the time. */
const size = fc.integer({ min: 1, max: 30 });
const instant = fc.integer({ min: 0, max: 200 });
const instants = fc.array(instant, { maxLength: 40 });
const inOrder = instants.map((all) => all.toSorted((a, b) => a - b));
const target = fc.constantFrom('1', '2', '3');
/** Requests about some targets of one user. */
const asked = fc.array(fc.record({ at: instant, target }), { maxLength: 40 });
const askedInOrder = asked.map((all) => all.toSorted((a, b) => a.at - b.at));
const pages = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
const axis = fc.constantFrom('requestedAt' as const, 'recordedAt' as const);

const tumbling = fc.record({ kind: fc.constant('tumbling' as const), windowMs: size, phase: size });
const anchored = fc.record({ kind: fc.constant('anchored' as const), windowMs: size });
const rolling = fc.record({
  kind: fc.constant('rolling' as const),
  count: fc.integer({ min: 1, max: 4 }),
  windowMs: size,
});
const session = fc
  .tuple(size, size)
  .map(([gapMs, more]) => ({ kind: 'session' as const, gapMs, maxMs: gapMs + more }));

const none = fc.constant({ kind: 'none' as const });

/** Windows of a user, and windows of each target. */
const perAny = (definition: fc.Arbitrary<Definition>): fc.Arbitrary<Definition> =>
  fc
    .record({ definition, per: fc.constantFrom('target' as const, undefined) })
    .map(({ definition: defined, per }) =>
      defined.kind === 'none' ? defined : { ...defined, per },
    );

/** The policy of a definition. */
const policyOf = (defined: Definition, on: Axis): Policy =>
  defined.kind === 'none' ? { kind: 'none' } : { ...defined, axis: on };

type Asked = { readonly at: number; readonly target?: string };

/** Requests on one axis; the other one says something else. */
function requestsOn(on: Axis, all: readonly Asked[]): Item[] {
  return all.map(({ at, ...about }) =>
    on === 'requestedAt'
      ? { kind: 'request', at, recordedAt: 7, ...about }
      : { kind: 'request', at: 7, recordedAt: at, ...about },
  );
}

const requests = (all: readonly number[]): Item[] =>
  requestsOn(
    'requestedAt',
    all.map((at) => ({ at })),
  );

async function through(policy: Policy, items: readonly Item[], sizes?: number[]) {
  return throughOf(await foldItems([policySet(policy), ...items], sizes));
}

describe('policy compared with its definition', () => {
  const definitions: [string, fc.Arbitrary<Definition>, typeof asked][] = [
    ['tumbling, in any order', tumbling, asked],
    ['anchored, in any order', anchored, asked],
    ['rolling, in any order', rolling, asked],
    ['session, in order', session, askedInOrder],
    ['session, in any order', session, asked],
    ['none, in any order', none, asked],
  ];
  it.each(definitions)('decides like the definition: %s', async (_, definition, requested) => {
    const any = perAny(definition);
    await fc.assert(
      fc.asyncProperty(any, requested, axis, pages, async (defined, all, on, sizes) => {
        const expected = bruteForce({ ...defined, axis: on }, all);
        const items = requestsOn(on, all);
        expect(await through(policyOf(defined, on), items, sizes)).toEqual(expected);
      }),
      RUNS,
    );
  });

  it('decides like the definition with releases and redrives after deaths', async () => {
    const happening: fc.Arbitrary<Happening> = fc.oneof(
      { weight: 4, arbitrary: fc.record({ at: fc.integer({ min: 0, max: 60 }), target }) },
      { weight: 3, arbitrary: fc.record({ died: fc.nat({ max: 12 }) }) },
      { weight: 1, arbitrary: fc.record({ redriven: fc.nat({ max: 12 }) }) },
    );
    const definition = perAny(fc.oneof(tumbling, anchored, rolling, none));
    const happenings = fc.array(happening, { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(definition, happenings, axis, pages, async (defined, all, on, sizes) => {
        const items = all.flatMap((each): Item[] => {
          if ('at' in each) return requestsOn(on, [each]);
          if ('died' in each) return [{ kind: 'undelivered', nth: each.died }];
          return [{ kind: 'redriven', nth: each.redriven }];
        });
        const expected = bruteForce({ ...defined, axis: on }, all);
        expect(await through(policyOf(defined, on), items, sizes)).toEqual(expected);
      }),
      RUNS,
    );
  });
});

describe('rolling policy on recordedAt', () => {
  /** Requests of several kernels in the order of the log: the true time since the one before, and the kernel's clock. */
  const skewed = fc.array(
    fc.record({ after: fc.integer({ min: 0, max: 8 }), skew: fc.integer({ min: 0, max: 9 }) }),
    { maxLength: 60 },
  );

  it('keeps its budget when the clocks of kernels differ, but for that difference', async () => {
    const windowMs = fc.integer({ min: 10, max: 40 });
    const count = fc.integer({ min: 1, max: 4 });
    await fc.assert(
      fc.asyncProperty(windowMs, count, skewed, pages, async (ms, most, all, sizes) => {
        let now = 0;
        const truly = all.map(({ after }) => (now += after));
        const items = all.map(({ skew }, n): Item => {
          return { kind: 'request', at: 7, recordedAt: (truly[n] ?? 0) + skew };
        });
        const policy: Policy = { kind: 'rolling', count: most, windowMs: ms, axis: 'recordedAt' };
        const lets = await through(policy, items, sizes);
        const sent = truly.filter((_, n) => lets[n] === true);
        const difference = 9;
        sent.forEach((at) => {
          const within = sent.filter((other) => at <= other && other < at + ms - difference);
          expect(within.length).toBeLessThanOrEqual(most);
        });
      }),
      RUNS,
    );
  });

  it('publishes three requests of an hour, not nine, by raisers whose clocks differ by 30 seconds', async () => {
    const [hour, second] = [3_600_000, 1_000];
    const policy: Policy = { kind: 'rolling', count: 3, windowMs: hour, axis: 'recordedAt' };
    // Three raisers take turns, the one with the fastest clock first.
    const items = Array.from({ length: 9 }, (_, n): Item => {
      const recordedAt = hour + n * second - Math.floor(n / 3) * 30 * second;
      return { kind: 'request', at: 7, recordedAt };
    });
    const lets = await through(policy, items);
    expect(lets).toEqual([true, true, true, false, false, false, false, false, false]);
  });
});

const anyPolicy: fc.Arbitrary<Policy> = fc
  .record({
    definition: fc.oneof(tumbling, anchored, rolling, session, none),
    per: fc.constantFrom('target' as const, undefined),
    axis,
    staleAfterMs: fc.option(size, { nil: undefined }),
    bypasses: fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined }),
  })
  .map(({ definition, staleAfterMs, ...rest }) =>
    definition.kind === 'none'
      ? { ...definition, staleAfterMs }
      : { ...definition, staleAfterMs, ...rest },
  );

const anyItem: fc.Arbitrary<Item> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record(
      {
        kind: fc.constant('request' as const),
        at: instant,
        recordedAt: instant,
        user: fc.constantFrom('1', '2'),
        target,
        severity: fc.constantFrom(...SEVERITIES),
      },
      { requiredKeys: ['kind', 'at', 'user', 'target'] },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('undelivered' as const, 'redriven' as const),
      nth: fc.nat({ max: 20 }),
      user: fc.constantFrom('1', '2'),
    }),
  },
  { weight: 1, arbitrary: anyPolicy.map((policy) => policySet(policy)) },
  {
    weight: 1,
    arbitrary: instant.map((until): Item => {
      const data = { triggerType: '*', until };
      return { kind: 'change', change: { type: 'NotificationsMuted', data } };
    }),
  },
);

const history = fc.array(anyItem, { maxLength: 60 });

describe('session policy', () => {
  // Without redrives: two notices of one instant that both hold are told apart by their ids, and no
  // definition has those.
  it('decides late requests and releases like its definition', async () => {
    const happening: fc.Arbitrary<Happening> = fc.oneof(
      { weight: 4, arbitrary: fc.record({ at: fc.integer({ min: 0, max: 60 }) }) },
      { weight: 3, arbitrary: fc.record({ died: fc.nat({ max: 12 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        session,
        fc.array(happening, { maxLength: 40 }),
        pages,
        async (defined, all, sizes) => {
          const items = all.map((each): Item =>
            'at' in each
              ? { kind: 'request', at: each.at }
              : { kind: 'undelivered', nth: 'died' in each ? each.died : 0 },
          );
          const policy = { ...defined, axis: 'requestedAt' as const };
          expect(await through(policy, items, sizes)).toEqual(bruteForce(defined, all));
        },
      ),
      RUNS,
    );
  });
});

describe('release', () => {
  it('counts a notification that a late request of the same page leads to', async () => {
    const defined = { kind: 'rolling', count: 1, windowMs: 10 } as const;
    const died = { died: 0 };
    const before: Happening[] = [{ at: 15 }, died, { redriven: 0 }, died];
    // The second notification is older than the first: only its death depends on the first one. Pages without
    // requests come before it, so that the first one is committed and must be read.
    const policy: Policy = { ...defined, axis: 'requestedAt' };
    const unchanged: Item[] = Array.from({ length: 4 }, () => policySet(policy));
    const all: Happening[] = [...before, { at: 10 }, { died: 1 }, { at: 11 }];
    const items: Item[] = [
      { kind: 'request', at: 15 },
      { kind: 'undelivered', nth: 0 },
      { kind: 'redriven', nth: 0 },
      { kind: 'undelivered', nth: 0 },
      ...unchanged,
      { kind: 'request', at: 10 },
      { kind: 'undelivered', nth: 1 },
      { kind: 'request', at: 11 },
    ];
    const expected = bruteForce(defined, all);
    expect(expected).toEqual([true, true, false]);
    for (const sizes of [[512], [1], [1 + before.length, 1, 1, 1, 1, 2, 1]]) {
      expect(await through(policy, items, sizes)).toEqual(expected);
    }
  });
});

describe('every policy', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it('decides the same in a replay with any page size', async () => {
    await fc.assert(
      fc.asyncProperty(history, pages, async (items, sizes) => {
        expect(await foldItems(items, sizes)).toEqual(await foldItems(items));
      }),
      RUNS,
    );
  });

  it('keeps anchored notifications at least a window apart without bypasses', async () => {
    const severity = fc.constantFrom(...SEVERITIES);
    const all = fc.array(fc.record({ at: instant, severity }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(anchored, all, async (defined, some) => {
        const policy: Policy = { ...defined, axis: 'requestedAt', bypasses: 2 };
        const items = some.map((each): Item => ({ kind: 'request', ...each }));
        const { notices } = await foldItems([policySet(policy), ...items]);
        const times = notices.filter(({ bypass }) => !bypass).map((notice) => notice.requestedAt);
        const sorted = times.toSorted((a, b) => a - b);
        const gaps = sorted.slice(1).map((at, i) => at - (sorted[i] ?? 0));
        expect(gaps.every((gap) => gap >= defined.windowMs)).toBe(true);
      }),
      RUNS,
    );
  });

  it('publishes each request that no notification suppresses', async () => {
    const policies = fc.oneof(anchored, rolling, session);
    await fc.assert(
      fc.asyncProperty(policies, inOrder, async (defined, all) => {
        const lets = await through({ ...defined, axis: 'requestedAt' }, requests(all));
        const reach = defined.kind === 'session' ? defined.maxMs : defined.windowMs;
        all.forEach((at, i) => {
          const before = all.filter((then, j) => j < i && lets[j] === true && at - reach < then);
          if (before.length === 0) expect(lets[i]).toBe(true);
        });
      }),
      RUNS,
    );
  });

  it('gives a tumbling window at most one notification, in any order of arrival', async () => {
    await fc.assert(
      fc.asyncProperty(tumbling, instants, async (defined, all) => {
        const lets = await through({ ...defined, axis: 'requestedAt' }, requests(all));
        const windows = all
          .filter((_, i) => lets[i])
          .map((at) => Math.floor((at - defined.phase) / defined.windowMs));
        expect(new Set(windows).size).toBe(windows.length);
        const asked = all.map((at) => Math.floor((at - defined.phase) / defined.windowMs));
        expect(new Set(windows)).toEqual(new Set(asked));
      }),
      RUNS,
    );
  });

  it('keeps a session silent for at most its maximum and one more arrival', async () => {
    await fc.assert(
      fc.asyncProperty(session, inOrder, async (defined, all) => {
        const lets = await through({ ...defined, axis: 'requestedAt' }, requests(all));
        let told = all[0] ?? 0;
        all.forEach((at, i) => {
          const arrival = at - (all[i - 1] ?? at);
          if (lets[i] !== true) return;
          if (arrival < defined.gapMs)
            expect(at - told).toBeLessThanOrEqual(defined.maxMs + arrival);
          told = at;
        });
        const last = all.at(-1) ?? told;
        expect(last - told).toBeLessThan(defined.maxMs);
      }),
      RUNS,
    );
  });

  it('gives a repeated trigger the same verdict and writes nothing', async () => {
    const world = await makeWorld();
    const input = anInput(1, { requestedAt: '2026-01-01T09:59:00Z' });
    const first = await world.kernel.raise(input);
    await world.project();
    const [events, verdicts] = [(await eventsOf(world.store)).length, verdictsOf(world)];
    const again = await world.kernel.raise(input);
    expect(again).toMatchObject({
      outcome: 'duplicate',
      triggerId: 'triggerId' in first ? first.triggerId : '',
    });
    await world.project();
    expect((await eventsOf(world.store)).length).toBe(events);
    expect(verdictsOf(world)).toEqual(verdicts);
  });

  it('notifies once per window with several instances in any interleaving', async () => {
    const schedule = fc.array(fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 5 })), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(schedule, async (calls) => {
        const world = await makeWorld();
        const { store, clock } = world;
        const others = [
          await openKernel({ ...scheduleProduct, store, clock }),
          await openKernel({ ...scheduleProduct, store, clock }),
        ];
        const kernels = [world.kernel, ...others];
        const requestedAt = '2026-01-01T10:00:00Z';
        const outcomes = await Promise.all(
          calls.map(async ([k, target]) => kernels[k]?.raise(anInput(target + 1, { requestedAt }))),
        );
        const targets = new Set(calls.map(([, target]) => target)).size;
        expect(outcomes.filter((result) => result?.outcome === 'raised')).toHaveLength(targets);
        await world.project();
        const verdicts = verdictsOf(world);
        expect(verdicts).toHaveLength(targets);
        const through = verdicts.filter((verdict) => verdict.startsWith('published'));
        expect(through).toHaveLength(Math.min(targets, 1));
      }),
      { numRuns: 25 },
    );
  });

  it('publishes no more with a longer anchored window', async () => {
    await fc.assert(
      fc.asyncProperty(inOrder, size, size, async (all, windowMs, more) => {
        const countOf = async (ms: number): Promise<number> => {
          const policy: Policy = { kind: 'anchored', windowMs: ms, axis: 'requestedAt' };
          return (await through(policy, requests(all))).filter(Boolean).length;
        };
        expect(await countOf(windowMs + more)).toBeLessThanOrEqual(await countOf(windowMs));
      }),
      RUNS,
    );
  });

  it('gives each request one verdict, and each notification the request that published it', async () => {
    await fc.assert(
      fc.asyncProperty(history, pages, async (items, sizes) => {
        const { verdicts, notices } = await foldItems(items, sizes);
        const asked = items.filter(({ kind }) => kind === 'request').length;
        expect(new Set(verdicts.map(({ event }) => event)).size).toBe(asked);
        expect(verdicts).toHaveLength(asked);
        const sent = verdicts.flatMap(({ messageId }) => messageId ?? []);
        expect(notices.map(({ id }) => id)).toEqual(sent);
      }),
      RUNS,
    );
  });

  it('decides independently of the time of day', async () => {
    const histories = fc.sample(history, { numRuns: 100, seed: 20260430 });
    const before = await Promise.all(histories.map((items) => foldItems(items)));
    class PoisonedDate extends Date {
      constructor(...parts: [] | [number | string]) {
        if (parts.length === 0) throw new Error('somebody asked for the time');
        super(...parts);
      }
      static override now(): number {
        throw new Error('somebody asked for the time');
      }
    }
    vi.stubGlobal('Date', PoisonedDate);
    expect(() => new Date()).toThrow('somebody asked');
    const poisoned = await Promise.all(histories.map((items) => foldItems(items)));
    vi.unstubAllGlobals();
    expect(poisoned).toEqual(before);
  });
});

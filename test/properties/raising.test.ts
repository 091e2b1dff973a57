// Properties of any sequence of raises: the product agrees with an oracle that shares no code with it, and
// no verdict depends on time zones or on the clock.
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseInstant } from '../../src/domain/core/instants.ts';
import { tumblingWindowStart } from '../../src/domain/core/windows.ts';
import { dedupeKeyOf } from '../../src/domain/policy/dedupe-key.ts';
import { scopeOf } from '../../src/domain/trigger/dedupe-scope.ts';
import { replay } from '../../src/projections/audit/replay/replay.ts';
import { memoryReadModel } from '../../src/testing.ts';
import { oracle } from '../oracle/oracle.mjs';
import { inZone, instants, ndjson, raiseLines, zones } from '../support/arbitraries.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { productAnswer, raiseText } from '../support/raise-lines.ts';
import { makeWorld } from '../support/world.ts';
import { scheduleTriggers } from '../../src/schedule/triggers.ts';
import { parseRaise } from '../../src/domain/trigger/parse-raise.ts';

describe('sequence of raises', () => {
  it('gives the oracle’s answer, and each decided message exactly once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(raiseLines, { maxLength: 40 }), async (lines) => {
        const text = ndjson(lines);
        const world = await makeWorld();
        const { answer } = await productAnswer(world, text);
        expect(answer).toEqual(oracle(text));
        expect(storedList(world.output)).toEqual(await decidedList(world.store));
      }),
      { numRuns: 60 },
    );
  });

  it('gives each window of a user and type at most one notification, in any order of arrival', async () => {
    const orders = fc
      .array(raiseLines, { minLength: 2, maxLength: 20 })
      .chain((lines) => fc.shuffledSubarray(lines, { minLength: lines.length }));
    await fc.assert(
      fc.asyncProperty(orders, async (lines) => {
        const world = await makeWorld();
        await raiseText(world, ndjson(lines));
        await world.project();
        const windows = world.file
          .snapshot()
          .sentNotifications.map((n) => `${n.mock} ${n.user} ${n.triggerType} ${n.windowStart}`);
        expect(new Set(windows).size).toBe(windows.length);
      }),
      { numRuns: 40 },
    );
  });

  it('gives each request exactly one verdict', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(raiseLines, { maxLength: 20 }), async (lines) => {
        const world = await makeWorld();
        const { raised } = await raiseText(world, ndjson(lines));
        await world.project();
        const { verdicts, checkpoint } = world.file.snapshot();
        expect(verdicts).toHaveLength(raised);
        expect(new Set(verdicts.map(({ event }) => event)).size).toBe(raised);
        const { published = 0, suppressed = 0, parked = 0 } = checkpoint?.counts ?? {};
        expect(published + suppressed + parked).toBe(raised);
      }),
      { numRuns: 40 },
    );
  });
});

describe('instant in two time zones', () => {
  it('has one scope, one window and one key, and a boundary belongs to the later window', () => {
    fc.assert(
      fc.property(instants, zones, zones, (at, one, other) => {
        const keys = [one, other].map((zone) => {
          const input = {
            userId: 1,
            triggerType: 'important_urgent_task',
            source: 'api_trigger',
            targetType: 'task_pool',
            targetId: 1,
            requestedAt: inZone(at, zone),
          };
          const [definition] = scheduleTriggers;
          if (definition === undefined) throw new Error('a definition');
          const definitions = new Map([[definition.type, definition]]);
          const parsed = parseRaise(input, definitions, { now: 0, traceId: 't' });
          if (!parsed.ok) throw new Error('a good request');
          const { request } = parsed.value;
          const window = tumblingWindowStart(request.requestedAt, 1_800_000);
          const about = { user: '1', triggerType: 't', targetType: 'task_pool', targetId: '7' };
          const key = dedupeKeyOf({ ...about, id: 'id', per: 'user', windowStart: window });
          return [scopeOf(definition, request), key];
        });
        expect(keys[0]).toEqual(keys[1]);
        const window = tumblingWindowStart(at, 1_800_000);
        expect(at - window).toBeGreaterThanOrEqual(0);
        expect(at - window).toBeLessThan(1_800_000);
        expect(tumblingWindowStart(window, 1_800_000)).toBe(window);
        expect(parseInstant(inZone(at, one))).toEqual({ ok: true, value: at });
      }),
    );
  });
});

describe('replay', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it('gives the same verdicts when every read of the clock throws', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(raiseLines, { maxLength: 15 }), async (lines) => {
        const world = await makeWorld();
        await raiseText(world, ndjson(lines));
        await world.project();
        const poisoned = memoryReadModel();
        vi.stubGlobal('Date', poisonedDate());
        expect(() => Date.now()).toThrow('the clock was read');
        expect(() => new Date()).toThrow('the clock was read');
        await replay(world.store, poisoned, 'tocsin');
        vi.unstubAllGlobals();
        const placeless = world.file
          .snapshot()
          .verdicts.map((verdict) => ({ ...verdict, sequence: null }));
        expect(poisoned.snapshot().verdicts).toEqual(placeless);
      }),
      { numRuns: 20 },
    );
  });
});

/** A Date that parses text and throws when its current time is read. */
function poisonedDate(): DateConstructor {
  return new Proxy(Date, {
    construct(target, args: readonly unknown[]) {
      if (args.length === 0) throw new Error('the clock was read');
      return Reflect.construct(target, args) as Date;
    },
    apply: () => {
      throw new Error('the clock was read');
    },
    get: (target, name) => {
      if (name !== 'now') return Reflect.get(target, name) as unknown;
      return () => {
        throw new Error('the clock was read');
      };
    },
  });
}

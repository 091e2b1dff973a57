// What every due index promises. Run against the one in memory and the one on disk.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  DUE_RANKS,
  type DueEntry,
  type DueIndex,
  type DueIndexes,
  type DueRank,
} from '../../src/kernel/processes/due/due-index.ts';

/** One place where indexes are kept: a file, or what stands for it. */
export type DueIndexHarness = Disposable & {
  /** Opens the indexes; those before must be disposed. */
  readonly open: (storeId: string) => DueIndexes;
};

const NONE: ReadonlySet<string> = new Set();

const at = (commit: bigint) => ({ commit, prepare: commit - 1n });

const row = (key: string, dueAt: number, rank: DueRank = 0): DueEntry => ({
  key,
  stream: `stream of ${key}`,
  dueAt,
  rank,
});

const aKey = fc.constantFrom('a', 'b', 'c', 'd', 'ä', 'aa');
const aStep = fc.record({
  put: fc.array(fc.tuple(aKey, fc.integer({ min: 0, max: 20 }), fc.constantFrom(0, 1)), {
    maxLength: 4,
  }),
  remove: fc.array(aKey, { maxLength: 3 }),
});

export function dueIndexSuite(name: string, harnessOf: () => DueIndexHarness): void {
  describe(`a due index ${name}`, () => {
    let harness: DueIndexHarness;
    let indexes: DueIndexes;
    let index: DueIndex;

    beforeEach(() => {
      harness = harnessOf();
      indexes = harness.open('log-1');
      index = indexes.open('jobs.1');
    });

    afterEach(() => {
      indexes[Symbol.dispose]();
      harness[Symbol.dispose]();
    });

    const reopen = (): void => {
      indexes[Symbol.dispose]();
      indexes = harness.open('log-1');
      index = indexes.open('jobs.1');
    };

    test('is empty at first', () => {
      expect(index.position()).toBeUndefined();
      expect(index.lastEvent()).toBeUndefined();
      expect(index.next(0, NONE)).toBeUndefined();
      expect(index.due(0, Number.MAX_SAFE_INTEGER, 10, NONE)).toEqual([]);
      expect(index.count()).toBe(0);
    });

    test('gives due rows by time, then key, up to the limit, the instant itself included', () => {
      const put = [row('c', 30), row('b', 10), row('a', 10), row('d', 20)];
      index.commit({ position: at(5n), put, remove: [] });
      expect(index.due(0, 9, 10, NONE)).toEqual([]);
      expect(index.due(0, 20, 10, NONE)).toEqual([row('a', 10), row('b', 10), row('d', 20)]);
      expect(index.due(0, 30, 2, NONE)).toEqual([row('a', 10), row('b', 10)]);
      expect(index.due(0, 30, 0, NONE)).toEqual([]);
      expect(index.next(0, NONE)).toBe(10);
    });

    test('keeps ranks apart, and moves a row from one to the other', () => {
      index.commit({ position: at(1n), put: [row('a', 1), row('b', 2, 1)], remove: [] });
      expect([index.next(0, NONE), index.next(1, NONE)]).toEqual([1, 2]);
      index.commit({ position: at(2n), put: [row('a', 3, 1)], remove: [] });
      expect(index.due(0, 9, 9, NONE)).toEqual([]);
      expect(index.due(1, 9, 9, NONE)).toEqual([row('b', 2, 1), row('a', 3, 1)]);
    });

    test('leaves out those who are excepted, and still fills the limit', () => {
      const put = [row('a', 1), row('b', 2), row('c', 3), row('d', 4)];
      index.commit({ position: at(1n), put, remove: [] });
      expect(index.due(0, 9, 2, new Set(['a', 'c', 'x']))).toEqual([row('b', 2), row('d', 4)]);
      expect(index.next(0, new Set(['a', 'b']))).toBe(3);
      expect(index.next(0, new Set(['a', 'b', 'c', 'd']))).toBeUndefined();
    });

    test('replaces a row of the same key, and removes before it puts', () => {
      index.commit({ position: at(1n), put: [row('a', 1), row('b', 2)], remove: [] });
      index.commit({ position: at(2n), put: [row('a', 7)], remove: ['a', 'b', 'never there'] });
      expect(index.due(0, 9, 9, NONE)).toEqual([row('a', 7)]);
      expect(index.count()).toBe(1);
    });

    test('keeps its place and its rows for the next owner', () => {
      const position = { commit: 2n ** 63n - 1n, prepare: 2n ** 63n - 2n };
      const lastEvent = { id: 'e1', stream: 's', revision: 2n ** 62n };
      index.commit({ position: at(1n), lastEvent, put: [row('a', 1)], remove: [] });
      index.commit({ position, put: [], remove: [] });
      reopen();
      expect(index.position()).toEqual(position);
      // A page without events leaves the last event as it was.
      expect(index.lastEvent()).toEqual(lastEvent);
      expect(index.due(0, 1, 1, NONE)).toEqual([row('a', 1)]);
    });

    test('knows nothing of its neighbours', () => {
      const other = indexes.open('delivery.1');
      index.commit({ position: at(1n), put: [row('a', 1)], remove: [] });
      other.commit({ position: at(9n), put: [row('a', 5), row('z', 0)], remove: [] });
      index.commit({ position: at(2n), put: [], remove: ['z'] });
      expect(other.position()).toEqual(at(9n));
      expect(other.due(0, 9, 9, NONE)).toEqual([row('z', 0), row('a', 5)]);
      expect(index.due(0, 9, 9, NONE)).toEqual([row('a', 1)]);
      expect([index.count(), other.count()]).toEqual([1, 2]);
    });

    test('opens once at a time, and only under a valid name', () => {
      expect(() => indexes.open('jobs.1')).toThrow(/open already/);
      index[Symbol.dispose]();
      index[Symbol.dispose]();
      expect(() => index.count()).toThrow(/closed/);
      index = indexes.open('jobs.1');
      expect(index.count()).toBe(0);
      expect(() => indexes.open('Jobs')).toThrow(/not a name for an index/);
    });

    test('is closed with the others', () => {
      indexes[Symbol.dispose]();
      indexes[Symbol.dispose]();
      expect(() => index.next(0, NONE)).toThrow(/closed/);
      expect(() => {
        index.commit({ position: at(1n), put: [], remove: [] });
      }).toThrow(/closed/);
    });

    test('refuses to be of another log', () => {
      index.commit({ position: at(1n), put: [row('a', 1)], remove: [] });
      indexes[Symbol.dispose]();
      expect(() => harness.open('log-2')).toThrow(/belongs to another log/);
      reopen();
      expect(index.count()).toBe(1);
    });

    test('holds what a plain list would hold, whatever is written', () => {
      fc.assert(
        fc.property(
          fc.array(aStep, { maxLength: 8 }),
          fc.subarray(['a', 'b', 'ä']),
          (steps, ex) => {
            const fresh = indexes.open(`random.${serial++}`);
            const rows = new Map<string, DueEntry>();
            for (const step of steps) {
              const put = step.put.map(([key, dueAt, rank]) => row(key, dueAt, rank));
              for (const key of step.remove) rows.delete(key);
              for (const entry of put) rows.set(entry.key, entry);
              fresh.commit({ position: at(1n), put, remove: step.remove });
            }
            const except = new Set(ex);
            const sorted = [...rows.values()]
              .filter(({ key }) => !except.has(key))
              .sort(
                (a, b) =>
                  a.dueAt - b.dueAt || Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)),
              );
            for (const rank of DUE_RANKS) {
              const ranked = sorted.filter((entry) => entry.rank === rank);
              const due = ranked.filter(({ dueAt }) => dueAt <= 10);
              expect(fresh.due(rank, 10, 3, except)).toEqual(due.slice(0, 3));
              expect(fresh.next(rank, except)).toBe(ranked[0]?.dueAt);
            }
            expect(fresh.count()).toBe(rows.size);
            fresh[Symbol.dispose]();
          },
        ),
        { numRuns: 150 },
      );
    });
  });
}

let serial = 0;

// Raises of one user on their way at once: in any interleaving of answers, lost answers and other writers, the log is what
// raises one after another would leave, but for a raise that had to try again.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import type { AppendResult, EventStore } from '../../src/domain/ports/event-store.ts';
import type { Evaluator } from '../../src/domain/ports/evaluator.ts';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';
import { openKernel, type Kernel } from '../../src/kernel/open-kernel.ts';
import type { RaiseResult } from '../../src/kernel/raise/raise-result.ts';
import { fixedClock } from '../../src/kernel/testing/fixed-clock.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { START } from '../support/world.ts';
import { triggerEvents } from '../kernel/kernel.support.ts';

/** A line of a user: about which target, with what end, under which key. */
type Line = { user: number; target: number; ends: boolean; key: number | undefined };

const lines = fc.array(
  fc.record({
    user: fc.nat(2),
    target: fc.nat(5),
    ends: fc.boolean(),
    key: fc.option(fc.nat(3), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 60 },
);
const concurrency = fc.integer({ min: 1, max: 16 });
/** How many turns of the event loop each answer takes; they are used in turn. */
const delays = fc.array(fc.nat(6), { minLength: 1, maxLength: 12 });

const inputOf = ({ user, target, ends, key }: Line): RaiseInput => ({
  userId: user + 1,
  triggerType: 'important_urgent_task',
  source: 'api_trigger',
  targetType: 'task_pool',
  targetId: target + 1,
  payload: { ends },
  // A key belongs to one request.
  ...(key === undefined ? {} : { idempotencyKey: `${key}-${target}-${String(ends)}` }),
});

const isEnding = (payload: unknown): boolean =>
  typeof payload === 'object' && payload !== null && 'ends' in payload && payload.ends === true;

/** Half of the triggers end at once, so that their scope can be raised again. */
const evaluate: Evaluator = ({ payload }) =>
  isEnding(payload) ? { outcome: 'close', reason: 'done' } : { outcome: 'offer', kind: 'reminder' };

const turns = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n += 1) await new Promise((resolve) => setImmediate(resolve));
};

async function openWorld(store: EventStore): Promise<Kernel> {
  const clock = fixedClock(START);
  return openKernel({ ...scheduleProduct, store, clock, evaluate });
}

async function allOf(results: AsyncIterable<RaiseResult>): Promise<string[]> {
  const found: string[] = [];
  for await (const result of results) {
    found.push(`${result.outcome} ${'triggerId' in result ? result.triggerId : ''}`);
  }
  return found;
}

/** What the log says of each user, in its order. */
async function storyOf(store: EventStore): Promise<Record<string, string[]>> {
  const story: Record<string, string[]> = {};
  for (const { type, data, stream, revision } of await triggerEvents(store)) {
    if (type !== 'TriggerRaised') continue;
    const { userId } = data as { userId: string };
    (story[userId] ??= []).push(`${stream} ${revision}`);
  }
  return story;
}

/** A store whose answers are late, each by the next delay. */
function lateAnswers(store: EventStore, waits: readonly number[]): EventStore {
  const { late, reads } = lateness(store, waits);
  return { ...reads, append: async (...call) => late(await store.append(...call)) };
}

/** A store whose reads are late, each by the next delay. */
function lateReads(store: EventStore, waits: readonly number[]): EventStore {
  return lateness(store, waits).reads;
}

function lateness(store: EventStore, waits: readonly number[]) {
  let n = 0;
  const late = async <T>(answer: T): Promise<T> => {
    await turns(waits[n++ % waits.length] ?? 0);
    return answer;
  };
  const reads: EventStore = {
    ...store,
    async *readStream(...call) {
      await late(undefined);
      yield* store.readStream(...call);
    },
  };
  return { late, reads };
}

/**
 * A connection that is lost: from an append on, `written` more are written and nothing later, and nobody gets an answer.
 * Some turns later all of them learn that the connection is lost, and a new one serves.
 */
function cuttingStore(
  store: EventStore,
  { lostFrom, written }: { readonly lostFrom: number; readonly written: number },
): EventStore {
  let appends = 0;
  let isOver = false;
  let lost: Promise<AppendResult> | undefined;
  return {
    ...store,
    async append(stream, ...call) {
      if (!stream.includes('trigger') || isOver) return store.append(stream, ...call);
      appends += 1;
      if (appends <= lostFrom) return store.append(stream, ...call);
      if (appends <= lostFrom + written) await store.append(stream, ...call);
      lost ??= turns(8).then((): AppendResult => {
        isOver = true;
        return { outcome: 'unknown', message: 'the connection is lost' };
      });
      return lost;
    },
  };
}

describe('raises of one user on their way at once', () => {
  it('leave the log and get the answers of raises one after another, however late the answers are', async () => {
    await fc.assert(
      fc.asyncProperty(lines, concurrency, delays, async (given, atOnce, waits) => {
        const [one, many] = [memoryStore(), memoryStore()];
        const inputs = given.map(inputOf);
        const expected: RaiseResult[] = [];
        const slow = await openWorld(one);
        for (const input of inputs) expected.push(await slow.raise(input));
        const kernel = await openWorld(lateAnswers(many, waits));
        const results = await allOf(kernel.raiseAll(inputs, { concurrency: atOnce }));
        expect(results).toEqual(
          expected.map((each) => `${each.outcome} ${'triggerId' in each ? each.triggerId : ''}`),
        );
        expect(await storyOf(many)).toEqual(await storyOf(one));
        expect(results.every((text) => !text.startsWith('rejected'))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('keep the order when a connection is lost with their answers, from any append on', async () => {
    await fc.assert(
      fc.asyncProperty(
        lines,
        concurrency,
        delays,
        fc.nat(80),
        fc.nat(8),
        async (given, atOnce, waits, lostFrom, written) => {
          const inputs = given.map(inputOf);
          const [one, many] = [memoryStore(), memoryStore()];
          const first = await openWorld(one);
          for (const input of inputs) await first.raise(input);
          const cut = cuttingStore(many, { lostFrom, written });
          const kernel = await openWorld(lateReads(cut, waits));
          await allOf(kernel.raiseAll(inputs, { concurrency: atOnce }));
          expect(await storyOf(many)).toEqual(await storyOf(one));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are sent in order, and not while an earlier one tries again after a conflict', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(2), { minLength: 1, maxLength: 60 }),
        concurrency,
        delays,
        fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 5 }),
        async (users, atOnce, waits, conflictsAt) => {
          const memory = memoryStore();
          const sent = new Map<number, number>();
          const failed = new Map<number, number>();
          const ended = new Map<number, number>();
          let [moment, appends] = [0, 0];
          const conflicting: EventStore = {
            ...memory,
            append: (stream, ...call) =>
              stream.includes('trigger') && conflictsAt.includes((appends += 1))
                ? Promise.resolve({ outcome: 'conflict', actual: 'no_stream' })
                : memory.append(stream, ...call),
          };
          const late = lateAnswers(conflicting, waits);
          const kernel = await openWorld({
            ...late,
            async append(stream, expected, events, options) {
              const target = Number(events[0]?.data['targetId']) - 1;
              if (!sent.has(target)) sent.set(target, (moment += 1));
              const result = await late.append(stream, expected, events, options);
              // A moment later the kernel knows it.
              if (result.outcome === 'conflict')
                setImmediate(() => failed.set(target, (moment += 1)));
              else ended.set(target, (moment += 1));
              return result;
            },
          });
          const inputs = users.map((user, target) =>
            inputOf({ user, target, ends: false, key: undefined }),
          );
          const results = await allOf(kernel.raiseAll(inputs, { concurrency: atOnce }));
          expect(results.every((text) => text.startsWith('raised'))).toBe(true);
          expect(await triggerEvents(memory)).toHaveLength(users.length * 3);
          for (const user of new Set(users)) {
            const own = users.flatMap((each, target) => (each === user ? [target] : []));
            const sentAt = own.map((target) => sent.get(target) ?? 0);
            expect(sentAt).toEqual(sentAt.toSorted((a, b) => a - b));
            for (const earlier of own.filter((target) => failed.has(target))) {
              const [from = 0, to = 0] = [failed.get(earlier), ended.get(earlier)];
              expect(sentAt.filter((at) => at > from && at < to)).toEqual([]);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

// Two projectors of one lane at once, under any interleaving, with strangers who write in between: every
// message of the one list is stored once, and both end with the same read model.
import fc from 'fast-check';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { START_POSITION } from '../../src/domain/core/positions.ts';
import { memoryReadModelStore } from '../../src/testing.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { ndjson, raiseLines } from '../support/arbitraries.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { raiseText } from '../support/raise-lines.ts';
import { until } from '../support/until.ts';
import { eventsOf, makeWorld, QUICK } from '../support/world.ts';

/** The same log; each page of a subscription comes so many turns late, and in pieces of that size. */
function late(store: EventStore, delays: readonly number[]): EventStore {
  return {
    ...store,
    async *subscribeAll(options) {
      let n = 0;
      for await (const entries of store.subscribeAll(options)) {
        for (let at = 0; at < entries.length;) {
          const delay = delays[n++ % delays.length] ?? 0;
          for (let i = 0; i < delay; i++) await turn();
          yield entries.slice(at, (at += 1 + delay));
        }
      }
    },
  };
}

const delays = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 8 });

const events = fc.oneof(
  { weight: 5, arbitrary: fc.array(raiseLines, { minLength: 1, maxLength: 5 }) },
  { weight: 1, arbitrary: fc.constant('disconnect' as const) },
);

describe('two projectors of one log', () => {
  it('store each message once and in order, and end with the same read model', async () => {
    const histories = fc.array(events, { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(histories, delays, delays, fc.boolean(), async (history, a, b, standby) => {
        const world = await makeWorld();
        const file = memoryReadModelStore();
        const first = world.projector({ store: late(world.store, a) });
        const second = world.projector({ store: late(world.store, b), state: file.open() });
        const stop = new AbortController();
        const runs = [first.run(stop.signal), second.run(stop.signal, { standby })];
        for (const event of history) {
          if (event === 'disconnect') world.output.disconnect();
          else await raiseText(world, ndjson(event));
        }
        const decided = await decidedList(world.store);
        const head = (await eventsOf(world.store)).at(-1)?.position ?? START_POSITION;
        await Promise.all([first, second].map((projector) => projector.whenPast(head)));
        stop.abort();
        await Promise.all(runs);
        expect(storedList(world.output)).toEqual(decided);
        const { verdicts, sentNotifications, recentMessages } = world.file.snapshot();
        expect(file.snapshot()).toMatchObject({ verdicts, sentNotifications, recentMessages });
        const sent = first.status().sent.triggered + second.status().sent.triggered;
        const triggers = decided.filter(({ type }) => type === 'active_schedule.triggered');
        // One that was fenced or cut off cannot know how much of its last batch was stored.
        expect(sent).toBeLessThanOrEqual(triggers.length);
      }),
      { numRuns: 50 },
    );
  });
});

describe('projector with foreign messages during a publish', () => {
  it('stores all its messages', async () => {
    const histories = fc.array(fc.array(raiseLines, { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 5,
    });
    const when = fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(histories, when, delays, async (history, waits, late1) => {
        const world = await makeWorld();
        const projector = world.projector({ store: late(world.store, late1), timing: QUICK });
        const stop = new AbortController();
        const run = projector.run(stop.signal);
        await until('there is a stream', () => projector.status().caughtUp);
        for (const [n, lines] of history.entries()) {
          await raiseText(world, ndjson(lines));
          for (let i = 0; i < (waits[n % waits.length] ?? 0); i++) await turn();
          world.output.insertForeign();
        }
        const decided = await decidedList(world.store);
        await until('all are there', () => storedList(world.output).length >= decided.length);
        const settled = () => projector.status().totals.triggered * 2 >= decided.length;
        await until('it is committed', () => settled() && projector.status().caughtUp);
        stop.abort();
        await run;
        expect(ids(storedList(world.output))).toEqual(ids(decided));
      }),
      { numRuns: 50 },
    );
  });
});

/** Each once; a stranger may have moved one of ours behind a later one. */
const ids = (list: readonly { readonly id: string }[]): string[] => list.map(({ id }) => id).sort();

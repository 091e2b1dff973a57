// A subscription that skips one event: each event of the log in turn, at the start, in the middle and at the end.
import { describe, expect, it } from 'vitest';
import type { EventStore, SubscriptionEntry } from '../../src/domain/ports/event-store.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { anInput, eventsOf, makeWorld, raised, type World } from '../support/world.ts';

/** The store, whose subscriptions leave out one event. */
function skipping(store: EventStore, id: string, pageEntries: number): EventStore {
  return {
    ...store,
    async *subscribeAll(options) {
      for await (const page of store.subscribeAll(options)) {
        const left = page.filter((entry) => entry.kind !== 'event' || entry.event.id !== id);
        const entries: SubscriptionEntry[] = [...left];
        while (entries.length > 0) yield entries.splice(0, pageEntries);
      }
    },
  };
}

/** Six triggers of three users, the third one raised in the same stream as the first. */
async function aWorld(): Promise<World> {
  const world = await makeWorld();
  for (const userId of [1, 2, 1, 3, 2, 1]) {
    await raised(world.kernel, anInput(userId, { userId }));
    world.clock.advance(40 * 60_000);
  }
  return world;
}

async function projectedEvents(store: EventStore): Promise<readonly RecordedEvent[]> {
  return (await eventsOf(store)).filter(({ stream }) => stream.startsWith('tocsin.'));
}

/** `projected`, or the code of the error. */
async function outcomeOf(projecting: Promise<unknown>): Promise<unknown> {
  return projecting.then(
    () => 'projected',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );
}

describe('projector whose subscription skips one event', () => {
  it.each([1, 3, 512])(
    'sends every message in order, or stops with events_skipped (pages of %i)',
    async (pageEntries) => {
      const { length } = await projectedEvents((await aWorld()).store);
      for (let n = 0; n < length; n += 1) {
        const world = await aWorld();
        const events = await projectedEvents(world.store);
        const skipped = events[n];
        if (skipped === undefined) throw new Error('the worlds differ');
        const store = skipping(world.store, skipped.id, pageEntries);
        const outcome = await outcomeOf(world.project({}, { store }));
        const sent = storedList(world.output);
        const decided = await decidedList(world.store);
        if (outcome === 'projected') expect(sent, `${n}: ${skipped.type}`).toEqual(decided);
        else expect(outcome, `${n}: ${skipped.type}`).toBe('events_skipped');
      }
    },
  );

  it('refuses in later runs too where messages are missing before others', async () => {
    const { length } = await projectedEvents((await aWorld()).store);
    let refusals = 0;
    for (let n = 0; n < length; n += 1) {
      const world = await aWorld();
      const events = await projectedEvents(world.store);
      const skipped = events[n];
      if (skipped === undefined) throw new Error('the worlds differ');
      const store = skipping(world.store, skipped.id, 1);
      const first = await outcomeOf(world.project({}, { store }));
      const sent = storedList(world.output);
      const decided = await decidedList(world.store);
      if (first === 'projected' || sent.length === decided.length) continue;
      const again = await outcomeOf(world.project({}, { store }));
      expect(again, `${n}: ${skipped.type}`).toMatch(/^(events_skipped|output_disagrees)$/);
      expect(storedList(world.output)).toEqual(sent);
      // With a store that skips nothing any more, the missing messages are sent if no other one came after them.
      const whole = await outcomeOf(world.project());
      if (whole === 'projected') {
        expect(storedList(world.output)).toEqual(decided);
        continue;
      }
      expect(whole).toBe('output_disagrees');
      expect(storedList(world.output)).toEqual(sent);
      await world.project({ recoveryMode: { kind: 'from_now' } });
      await raised(world.kernel, anInput(9, { userId: 9 }));
      await world.project();
      expect(storedList(world.output)).toHaveLength(sent.length + 2);
      refusals += 1;
    }
    expect(refusals).toBeGreaterThan(0);
  });
});

// The projector reads from a follower that lags behind the leader: what the stream holds is compared with the log of the
// leader, and only once the projector has read it.
import { describe, expect, it } from 'vitest';
import { comparePositions, type Position } from '../../src/domain/core/positions.ts';
import type { EventStore, SubscriptionEntry } from '../../src/domain/ports/event-store.ts';
import { placeOf } from '../../src/projections/last-seen.ts';
import { memoryReadModelStore } from '../../src/testing.ts';
import { restoredFrom } from '../support/copies.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { until } from '../support/until.ts';
import { anInput, eventsOf, makeWorld, raised } from '../support/world.ts';

/** A node that has the log up to a position until it catches up with the leader. */
function follower(leader: EventStore, upTo: Position) {
  const caught = Promise.withResolvers<undefined>();
  let isBehind = true;
  const has = (place: Position | undefined): boolean =>
    place === undefined || comparePositions(place, upTo) <= 0;
  const store: EventStore = {
    ...leader,
    async *readAll(options) {
      for await (const page of leader.readAll(options)) {
        const isWhole = options.onLeader === true || !isBehind;
        const known = isWhole ? page : page.filter(({ position }) => has(position));
        if (known.length > 0) yield known;
      }
    },
    async *subscribeAll(options) {
      for await (const page of leader.subscribeAll(options)) {
        const known = page.filter((entry) => has(placeOf(entry)));
        if (known.length > 0) yield known;
        const late: SubscriptionEntry[] = page.filter((entry) => !has(placeOf(entry)));
        if (late.length === 0) continue;
        await caught.promise;
        yield late;
      }
    },
  };
  return {
    store,
    catchUp(): void {
      isBehind = false;
      caught.resolve(undefined);
    },
  };
}

/** Three users are notified. @returns the world, and the place where the third user's events begin */
async function notified() {
  const world = await makeWorld();
  for (const userId of [1, 2]) await raised(world.kernel, anInput(userId, { userId }));
  await world.project();
  const behind = (await eventsOf(world.store)).at(-1)?.position;
  if (behind === undefined) throw new Error('the log is empty');
  await raised(world.kernel, anInput(3, { userId: 3 }));
  await world.project();
  return { world, behind };
}

describe('projector that reads from a follower behind the leader', () => {
  it('goes on where the stream holds the messages of events that the follower lacks', async () => {
    const { world, behind } = await notified();
    const lagging = follower(world.store, behind);
    const stop = new AbortController();
    const state = memoryReadModelStore().open();
    const projector = world.projector({ store: lagging.store, state });
    const running = projector.run(stop.signal);
    await until('the projector to be live', () => projector.status().caughtUp);
    const head = (await eventsOf(world.store)).at(-1)?.position;
    if (head === undefined) throw new Error('the log is empty');
    const past = projector.whenPast(head);
    lagging.catchUp();
    await past;
    stop.abort();
    await running;
    expect(storedList(world.output)).toEqual(await decidedList(world.store));
  });

  it('refuses at the last event of the leader when the stream holds more messages', async () => {
    const { world } = await notified();
    const before = world.output.messages.length;
    const events = await eventsOf(world.store);
    const third = events.findIndex(({ data }) => JSON.stringify(data).includes('"userId":"3"'));
    const store = await restoredFrom(events.slice(0, third));
    const behind = events[third - 4]?.position;
    if (behind === undefined) throw new Error('the log is too short');
    const lagging = follower(store, behind);
    const state = memoryReadModelStore().open();
    const projector = world.projector({ store: lagging.store, state });
    const running = projector.run(new AbortController().signal);
    const refused = expect(running).rejects.toMatchObject({ code: 'output_ahead' });
    await until('the projector to be live', () => projector.status().caughtUp);
    expect(projector.status().phase).toBe('running');
    lagging.catchUp();
    await refused;
    expect(world.output.messages).toHaveLength(before);
  });
});

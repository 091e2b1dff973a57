// The log was restored from a backup that ends behind the last event of the projection and before its checkpoint, among
// events that the projection does not read. The last event is in its place, and the log grows past the checkpoint again.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { comparePositions } from '../../src/domain/core/positions.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { openKernel, type Kernel } from '../../src/kernel/open-kernel.ts';
import { placeOf } from '../../src/projections/last-seen.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { restoredFrom } from '../support/copies.ts';
import { decidedList, storedList } from '../support/decided.ts';
import { until } from '../support/until.ts';
import { anInput, eventsOf, makeWorld, raised, type World } from '../support/world.ts';

async function appendForeign(store: EventStore, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const event = { id: crypto.randomUUID(), type: 'T', data: {}, metadata: {} };
    await store.append(`foreign-${crypto.randomUUID()}`, 'no_stream', [event]);
  }
}

/** The state file's checkpoint is many foreign events behind the last event; the backup holds the first two of them. */
async function restored(): Promise<{ world: World; store: EventStore; kernel: Kernel }> {
  const world = await makeWorld();
  await raised(world.kernel, anInput(1, { userId: 1 }));
  // The output record is written to the log, and must be in the backup.
  await world.project();
  await appendForeign(world.store, 2);
  const backup = await eventsOf(world.store);
  await appendForeign(world.store, 2_000);
  await world.project();
  const checkpoint = world.file.snapshot().checkpoint?.position;
  const head = (await eventsOf(world.store)).at(-1)?.position;
  expect(checkpoint).toEqual(head);
  const store = await restoredFrom(backup);
  return {
    world,
    store,
    kernel: await openKernel({ ...scheduleProduct, store, clock: world.clock }),
  };
}

/** A store that another one replaces while a subscription is connected. */
function replaceable(first: EventStore) {
  let current = first;
  const replacing = new AbortController();
  const store: EventStore = {
    append: (...args) => current.append(...args),
    readStream: (...args) => current.readStream(...args),
    readAll: (...args) => current.readAll(...args),
    async *subscribeAll(options) {
      const before = current;
      let { from } = options;
      const signal = AbortSignal.any([replacing.signal, options.signal ?? replacing.signal]);
      for await (const page of before.subscribeAll({ ...options, signal })) {
        from = page.map(placeOf).findLast((place) => place !== undefined) ?? from;
        yield page;
      }
      if (options.signal?.aborted === true) return;
      yield [{ kind: 'disconnected', reason: 'the store is replaced' }, { kind: 'connected' }];
      yield* current.subscribeAll({ ...options, from });
    },
    [Symbol.asyncDispose]: () => first[Symbol.asyncDispose](),
  };
  return {
    store,
    replaceBy(next: EventStore): void {
      current = next;
      replacing.abort();
    },
  };
}

describe('projector on a log that was restored between its last event and its checkpoint', () => {
  it('sends the messages of new events before the checkpoint, which the log has passed again', async () => {
    const { world, store, kernel } = await restored();
    await raised(kernel, anInput(2, { userId: 2 }));
    await appendForeign(store, 2_000);
    await world.project({}, { store });
    expect(storedList(world.output)).toEqual(await decidedList(store));
    await world.project({}, { store });
    expect(storedList(world.output)).toEqual(await decidedList(store));
  });

  it('sends the messages of events that come while it runs, before the log reaches the checkpoint', async () => {
    const { world, store, kernel } = await restored();
    const stop = new AbortController();
    const projector = world.projector({ store });
    const running = projector.run(stop.signal);
    await until('the projector to be live', () => projector.status().caughtUp);
    await raised(kernel, anInput(2, { userId: 2 }));
    await appendForeign(store, 2_000);
    await raised(kernel, anInput(3, { userId: 3 }));
    const decided = await decidedList(store);
    await until('all messages', () => storedList(world.output).length === decided.length);
    stop.abort();
    await running;
    expect(storedList(world.output)).toEqual(decided);
  });

  it('sends the messages of new events when the log is replaced while it is connected', async () => {
    const { world, store: backup } = await restored();
    const stop = new AbortController();
    const replaced = replaceable(world.store);
    const projector = world.projector({ store: replaced.store });
    const running = projector.run(stop.signal);
    await until('the projector to be live', () => projector.status().caughtUp);
    await appendForeign(backup, 1_000);
    const kernel = await openKernel({ ...scheduleProduct, store: backup, clock: world.clock });
    await raised(kernel, anInput(2, { userId: 2 }));
    await appendForeign(backup, 2_000);
    replaced.replaceBy(backup);
    const decided = await decidedList(backup);
    await until('all messages', () => storedList(world.output).length === decided.length);
    stop.abort();
    await running;
    expect(storedList(world.output)).toEqual(decided);
  });

  it('refuses when it has sent a later message before it notices, also after a restart', async () => {
    const { world, store, kernel } = await restored();
    const lastEvent = world.file.snapshot().checkpoint?.lastEvent;
    await raised(kernel, anInput(2, { userId: 2 }));
    await appendForeign(store, 2_000);
    await raised(kernel, anInput(3, { userId: 3 }));
    const before = world.output.messages.length;
    const last = (await eventsOf(store)).find(({ id }) => id === lastEvent?.id)?.position;
    if (last === undefined) throw new Error('the last event is in the backup');
    /** Reads after the last event wait until a later message is committed. */
    const slow: EventStore = {
      ...store,
      async *readAll(options) {
        const { from } = options;
        const isCheck = from !== undefined && comparePositions(from, last) === 0;
        const isSent = () => world.file.snapshot().checkpoint?.lastEvent?.id !== lastEvent?.id;
        while (isCheck && !isSent()) await nextTurn();
        yield* store.readAll(options);
      },
    };
    await expect(world.project({}, { store: slow })).rejects.toMatchObject({
      kind: 'refused',
      code: 'events_skipped',
    });
    const sent = world.output.messages.length;
    expect(sent).toBeGreaterThan(before);
    await expect(world.project({}, { store })).rejects.toMatchObject({ kind: 'refused' });
    expect(world.output.messages).toHaveLength(sent);
  });
});

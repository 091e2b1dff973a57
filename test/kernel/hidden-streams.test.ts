// Streams whose metadata hide their events, as a server shows them: the outcome names the stream and the key.
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { controlStream } from '../../src/domain/core/ids.ts';
import type { JsonObject } from '../../src/domain/core/json.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { anInput, eventsOf, makeWorld, raised } from '../support/world.ts';

/** A store that hides all but the last `visible` events of a stream, and holds metadata for it. */
function hiding(
  store: EventStore,
  stream: string,
  visible: number,
  metadata: JsonObject,
): EventStore {
  return {
    ...store,
    append: store.append.bind(store),
    readAll: store.readAll.bind(store),
    subscribeAll: store.subscribeAll.bind(store),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    async *readStream(name, options) {
      if (name === `$$${stream}`) {
        const event: RecordedEvent = {
          id: crypto.randomUUID(),
          stream: name,
          revision: 0n,
          position: { commit: 1n, prepare: 1n },
          type: '$metadata',
          data: metadata,
          metadata: {},
        };
        yield [event];
        return;
      }
      if (name !== stream) {
        yield* store.readStream(name, options);
        return;
      }
      const all = await eventsOf(store, name);
      const seen = visible === 0 ? [] : all.slice(-visible);
      const { direction, from = 0n } = options;
      if (direction === 'forwards') yield seen.filter(({ revision }) => revision >= from);
      else yield seen.toReversed().slice(0, options.maxCount);
    },
  };
}

const control = controlStream('tocsin');

describe('a control stream', () => {
  it.each([
    [1, { $maxCount: 1 }, '$maxCount 1'],
    [0, { $maxAge: 1 }, '$maxAge 1'],
    [0, { $tb: 9_007_199_254_740_991 }, '$tb 9007199254740991'],
  ] as const)(
    'of which %i events are left is refused with the key of its metadata, and not begun again',
    async (visible, metadata, key) => {
      const store = memoryStore();
      await openKernel({ ...scheduleProduct, store });
      const before = await eventsOf(store, control);
      const hidden = hiding(store, control, visible, metadata);
      await expect(openKernel({ ...scheduleProduct, store: hidden })).rejects.toMatchObject({
        kind: 'refused',
        code: 'stream_hidden',
        message: `events of ${control} are hidden by its metadata (${key})`,
      });
      expect(await eventsOf(store, control)).toEqual(before);
    },
  );

  it('with such metadata stops the projector at its start, before anything is hidden', async () => {
    const world = await makeWorld();
    await raised(world.kernel, anInput(1));
    const store = hiding(world.store, control, 100, { $maxCount: 1_000 });
    await expect(world.project({}, { store })).rejects.toMatchObject({ code: 'stream_hidden' });
    const acl = hiding(world.store, control, 100, { $acl: { $w: 'tocsin' }, $maxCount: 0 });
    await world.project({}, { store: acl });
    expect(world.output.messages).not.toEqual([]);
  });
});

describe('a trigger stream', () => {
  it('whose processed events are hidden is named, instead of a shorter log', async () => {
    const world = await makeWorld();
    await raised(world.kernel, anInput(1));
    await world.project();
    await raised(world.kernel, anInput(2));
    await world.project();
    const { stream } = world.file.snapshot().checkpoint?.lastEvent ?? { stream: '' };
    const store = hiding(world.store, stream, 0, { $maxCount: 1 });
    const other = {
      ...store,
      readAll: (options: Parameters<EventStore['readAll']>[0]) =>
        options.direction === 'backwards' ? nothing() : world.store.readAll(options),
    };
    await expect(world.project({}, { store: other })).rejects.toMatchObject({
      kind: 'refused',
      code: 'stream_hidden',
      message: expect.stringContaining(
        `${stream} are hidden by its metadata ($maxCount 1)`,
      ) as string,
    });
  });

  it('that reads as empty and has events ends a raise with its metadata, not with a conflict', async () => {
    const world = await makeWorld();
    await raised(world.kernel, anInput(1));
    await world.project();
    await raised(world.kernel, anInput(2));
    await world.project();
    const { stream } = world.file.snapshot().checkpoint?.lastEvent ?? { stream: '' };
    const store = hiding(world.store, stream, 0, { $tb: 99 });
    const kernel = await openKernel({ ...scheduleProduct, store, clock: world.clock });
    await expect(kernel.raise(anInput(2))).rejects.toMatchObject({ code: 'stream_hidden' });
  });
});

async function* nothing(): AsyncGenerator<never, void, undefined> {
  // A store without events.
}

// copyLog: what stays the same, what is compared, and that a copy can be interrupted anywhere.
import { describe, expect, test } from 'vitest';
import { memoryReadModelStore } from '../../src/adapters/memory/read-model.ts';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { formatPosition } from '../../src/domain/core/positions.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import type { CopyContext } from '../../src/kernel/copy/copy-log.ts';
import { anEvent } from '../../src/facade/contracts/event-store-support.ts';
import { copy, shifted } from '../support/copies.ts';
import { seededRandom } from '../support/random.ts';
import { anInput, eventsOf, makeWorld, QUICK, raised } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

/** Everything except the position. */
const contents = (events: readonly RecordedEvent[]): unknown[] =>
  events.map(({ stream, revision, id, type, data, metadata }) => [
    [stream, revision, id, type],
    data,
    metadata,
  ]);

/** Interleaved streams, so that a copy can get their order wrong. */
async function someLog(events: number): Promise<EventStore> {
  const store = memoryStore();
  const next = new Map<string, bigint>();
  const random = seededRandom(7);
  for (let n = 0; n < events; n += 1) {
    const stream = `stream-${Math.floor(random() * 9)}`;
    const revision = next.get(stream) ?? 0n;
    const list = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, i) => anEvent(n + i));
    await store.append(stream, revision === 0n ? 'no_stream' : revision - 1n, list);
    next.set(stream, revision + BigInt(list.length));
  }
  return store;
}

describe('copyLog', () => {
  test('copies everything except positions, in the same order', async () => {
    const [source, target] = [await someLog(600), memoryStore()];
    const originals = await eventsOf(source);
    const result = await copy(source, target);
    expect(contents(await eventsOf(target))).toEqual(contents(originals));
    const count = originals.length;
    expect(result).toMatchObject({ events: count, found: 0, copied: count, verified: count });
    expect(result.sourceHead).toEqual(originals.at(-1)?.position);
  });

  test('copies an empty log, and finds every event in a repeat', async () => {
    const empty = memoryStore();
    expect(await copy(memoryStore(), empty)).toMatchObject({ events: 0, copied: 0 });
    const source = await someLog(50);
    const { copied, targetHead } = await copy(source, empty);
    expect(await copy(source, empty)).toMatchObject({ found: copied, copied: 0, targetHead });
  });

  test('copies the events that the source got since the last copy', async () => {
    const [source, target] = [await someLog(20), memoryStore()];
    const { copied } = await copy(source, target);
    await source.append('late', 'no_stream', [anEvent(1), anEvent(2)]);
    expect(await copy(source, target)).toMatchObject({ found: copied, copied: 2, verified: 2 });
  });

  test('copies streams with given prefixes beside other streams', async () => {
    const [source, target] = [await someLog(30), await shifted()];
    const prefixes = ['stream-1', 'stream-2'];
    await copy(source, target, { prefixes });
    const copies = (await eventsOf(target)).filter(({ stream }) => stream !== 'others');
    const originals = (await eventsOf(source)).filter(({ stream }) =>
      prefixes.includes(stream.slice(0, 8)),
    );
    expect(contents(copies)).toEqual(contents(originals));
    expect(await copy(source, target, { prefixes })).toMatchObject({ copied: 0 });
  });

  test.each([1, 2, 3, 4, 5, 6])(
    'completes the copy after interruptions and lost answers (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const source = await someLog(400);
      const target = memoryStore({
        faults: ({ kind }) => {
          if (kind !== 'append' || random() > 0.2) return undefined;
          return { fault: 'unknown', written: true };
        },
      });
      let ends = 0;
      for (let whole = false; !whole;) {
        const stop = new AbortController();
        const limit = Math.floor(random() * 500);
        const progress: CopyContext['progress'] = ({ copied }) => {
          if (copied > limit) stop.abort();
        };
        whole = await copy(source, target, { signal: stop.signal, progress }).then(
          () => true,
          () => false,
        );
        ends += 1;
      }
      expect(ends).toBeGreaterThan(0);
      expect(contents(await eventsOf(target))).toEqual(contents(await eventsOf(source)));
    },
  );

  test('appends no later event before the repeat of a lost append', async () => {
    const source = await someLog(400);
    const lost = new Set<number>();
    const target = memoryStore({
      faults({ n, kind }) {
        // A broken connection loses all appends in flight.
        if (kind !== 'append' || n % 50 < 40 || lost.size > 60) return undefined;
        lost.add(n);
        return { fault: 'unknown', written: false };
      },
    });
    await copy(source, target);
    expect(lost.size).toBeGreaterThan(60);
    expect(contents(await eventsOf(target))).toEqual(contents(await eventsOf(source)));
  });

  test('waits for an unavailable target, and fails as unavailable after a minute', async () => {
    let away = true;
    const target = memoryStore({
      faults: ({ kind, n }) => {
        if (kind !== 'append' || !away) return undefined;
        if (n > 100) away = false;
        return { fault: 'unknown', written: false };
      },
    });
    const source = await someLog(10);
    await copy(source, target);
    expect(contents(await eventsOf(target))).toEqual(contents(await eventsOf(source)));
    const gone = memoryStore({
      faults: ({ kind }) => (kind === 'append' ? { fault: 'unknown', written: false } : undefined),
    });
    await expect(copy(source, gone)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'target_unavailable',
    });
  });
});

describe('copyLog with a target that differs', () => {
  test('refuses a store with other events', async () => {
    const source = await someLog(20);
    await expect(copy(source, await shifted())).rejects.toMatchObject({ code: 'target_differs' });
    await expect(copy(source, await someLog(19))).rejects.toMatchObject({ code: 'target_differs' });
  });

  test('refuses a copy that got events of its own', async () => {
    const [source, target] = [await someLog(20), memoryStore()];
    await copy(source, target);
    await target.append('new', 'no_stream', [anEvent(1)]);
    await expect(copy(source, target)).rejects.toMatchObject({
      code: 'target_differs',
      message: expect.stringContaining(
        'it has more events, beginning with event 0 of new',
      ) as string,
    });
    await source.append('other', 'no_stream', [anEvent(1)]);
    await expect(copy(source, target)).rejects.toMatchObject({ code: 'target_differs' });
  });

  test('refuses a copy with a changed event', async () => {
    const [source, target] = [memoryStore(), memoryStore()];
    const event = anEvent(1);
    await source.append('a', 'no_stream', [event]);
    await target.append('a', 'no_stream', [{ ...event, data: { n: 2 } }]);
    await expect(copy(source, target)).rejects.toMatchObject({
      message: expect.stringContaining('with other data') as string,
    });
  });

  test('refuses a target that another writer appends to, or that stores appends out of order', async () => {
    const source = memoryStore();
    for (const stream of ['a', 'b']) await source.append(stream, 'no_stream', [anEvent(1)]);
    const rival = memoryStore({
      faults: (next) =>
        next.kind === 'append' && next.stream === 'b' ? { fault: 'conflict' } : undefined,
    });
    await expect(copy(source, rival)).rejects.toMatchObject({
      code: 'target_differs',
      message: 'another writer appends to b',
    });
    // The first append is lost; the second append, in flight at the same time, is stored.
    const second = Promise.withResolvers<undefined>();
    const inner = memoryStore();
    let appends = 0;
    const late: EventStore = {
      ...inner,
      async append(...args) {
        appends += 1;
        if (appends === 2) second.resolve(undefined);
        if (appends !== 1) return inner.append(...args);
        await second.promise;
        return { outcome: 'unknown', message: 'lost' };
      },
    };
    await expect(copy(source, late)).rejects.toMatchObject({ code: 'target_out_of_order' });
  });

  test('names an event that the port cannot write', async () => {
    const source = memoryStore();
    await source.append('a', 'no_stream', [anEvent(1)]);
    const broken: EventStore = {
      ...source,
      async *readAll(options) {
        for await (const page of source.readAll(options)) {
          yield page.map((event) => ({ ...event, data: { unreadable: new Uint8Array() } }));
        }
      },
    };
    await expect(copy(broken, memoryStore())).rejects.toMatchObject({
      code: 'event_not_copyable',
      message: 'event 0 of a has data that is no JSON object, or nests too deep',
    });
  });
});

describe('positions in a copied log', () => {
  /** An output that begins after a position, which the log records. */
  async function resent() {
    const world = await makeWorld();
    for (const n of [1, 2, 3]) await raised(world.kernel, anInput(n, { userId: n }));
    await world.project();
    const events = await eventsOf(world.store);
    const from = events.filter(({ type }) => type === 'NotificationRequested')[0];
    if (from === undefined) throw new Error('nothing was requested');
    // The output stream was deleted: the operator sends again from a position.
    world.output.remove();
    const recoveryMode = { kind: 'resend_from', position: formatPosition(from.position) } as const;
    await world.project({ recoveryMode });
    return { world, from };
  }

  test('refer to the same event at its position in the target', async () => {
    const { world, from } = await resent();
    const target = await shifted();
    const result = await copy(world.store, target, { prefixes: ['tocsin.'] });
    expect(result.repositioned).toBe(1);
    const copies = await eventsOf(target);
    const position = copies.find(({ id }) => id === from.id)?.position;
    const opened = copies.filter(({ type }) => type === 'OutputOpened').at(-1);
    expect(opened?.data).toMatchObject({ publishFrom: position && formatPosition(position) });
    expect(await copy(world.store, target, { prefixes: ['tocsin.'] })).toMatchObject({ copied: 0 });
  });

  test.each(['new', 'old'])(
    'let a projector with a %s state file continue without sending twice',
    async (state) => {
      const { world } = await resent();
      const before = world.output.messages.length;
      const store = await shifted();
      await copy(world.store, store, { prefixes: ['tocsin.'] });
      const file = state === 'new' ? memoryReadModelStore() : world.file;
      const { output, clock } = world;
      const project = async () =>
        openProjector({ store, output, clock, timing: QUICK, state: file.open() }).once();
      await project();
      expect(world.output.messages).toHaveLength(before);
      const kernel = await openKernel({ ...scheduleProduct, store, clock });
      await raised(kernel, anInput(9, { userId: 9 }));
      expect(await project()).toMatchObject({ triggered: 1, published: 1 });
      expect(world.output.messages).toHaveLength(before + 2);
    },
  );
});

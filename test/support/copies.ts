// Copies of logs in memory, and worlds that go on with a copy.
import { z } from 'zod';
import { memoryStore } from '../../src/adapters/eventstore/memory/store.ts';
import { memoryReadModelStore } from '../../src/adapters/memory/read-model.ts';
import type { JsonObject } from '../../src/domain/core/json.ts';
import { isUnreadable, type RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { copyLog, type CopyContext, type CopyResult } from '../../src/kernel/copy/copy-log.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { anEvent } from '../../src/facade/contracts/event-store-support.ts';
import { anInput, eventsOf, QUICK, raised, type World } from './world.ts';

export function copy(
  source: EventStore,
  target: EventStore,
  more: Partial<CopyContext> = {},
): Promise<CopyResult> {
  let now = 0;
  return copyLog({
    source,
    target,
    prefixes: [],
    actor: 'test',
    now: () => Date.UTC(2026, 0, 2),
    signal: new AbortController().signal,
    elapsed: () => now,
    pause(ms) {
      now += ms;
      return Promise.resolve();
    },
    progress: () => undefined,
    ...more,
  });
}

/** A log whose positions differ from those of its copy in an empty store. */
export async function shifted(): Promise<EventStore> {
  const store = memoryStore();
  await store.append('others', 'no_stream', [anEvent(0), anEvent(1)]);
  return store;
}

/** A log that holds the first events of another: the same ids at the same positions. */
export async function restoredFrom(events: readonly RecordedEvent[]): Promise<EventStore> {
  const store = memoryStore();
  for (const { stream, revision, id, type, data, metadata } of events) {
    if (isUnreadable(data) || isUnreadable(metadata)) throw new Error('an event cannot be copied');
    const event = { id, type, data: data as JsonObject, metadata: metadata as JsonObject };
    await store.append(stream, revision === 0n ? 'no_stream' : revision - 1n, [event]);
  }
  return store;
}

/** The world goes on with a copy of its log, the same output, and a new state file. */
export async function moved(world: World, to?: EventStore): Promise<World> {
  const store = to ?? (await shifted());
  await copy(world.store, store, { prefixes: ['tocsin.'] });
  const { clock, output } = world;
  const kernel = await openKernel({ ...scheduleProduct, store, clock });
  const file = memoryReadModelStore();
  const projector: World['projector'] = (more = {}) =>
    openProjector({
      store,
      output,
      clock,
      timing: QUICK,
      ...more,
      state: more.state ?? file.open(),
    });
  const project: World['project'] = async (once = {}, more = {}) => projector(more).once(once);
  return { ...world, store, kernel, file, projector, project };
}

/** Raises a trigger of each user, and sends its two messages. */
export async function sendTo(world: World, ...users: readonly number[]): Promise<World> {
  for (const n of users) await raised(world.kernel, anInput(n, { userId: n }));
  await world.project();
  return world;
}

const Record = z.strictObject({ sourceHead: z.string(), targetHead: z.string() });

/** The records of the `n`th log that a log was copied from. */
export async function recordsOf(store: EventStore, n = 1) {
  return (await eventsOf(store, `tocsin.copied-${n}`)).map(({ data }) => Record.parse(data));
}

// A whole small world in memory: a log, a kernel, an output, read models that outlive their projectors,
// and a clock that only tests move. Waits are tiny and always for a condition.
import {
  memoryStore,
  type MemoryStoreOptions,
} from '../../src/adapters/eventstore/memory/store.ts';
import {
  recordingOutput,
  type RecordingOutput,
} from '../../src/adapters/memory/recording-output.ts';
import {
  memoryReadModelStore,
  type MemoryReadModelStore,
} from '../../src/adapters/memory/read-model.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import { openKernel, type Kernel, type KernelOptions } from '../../src/kernel/open-kernel.ts';
import { openProjector, type ProjectorOptions } from '../../src/kernel/open-projector.ts';
import type { RaiseResult } from '../../src/kernel/raise/raise-result.ts';
import { fixedClock, type FixedClock } from '../../src/kernel/testing/fixed-clock.ts';
import type { Timing } from '../../src/projections/publisher/context.ts';
import type {
  OnceOptions,
  Projector,
  RunSummary,
} from '../../src/projections/publisher/projector.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

/** Short enough for tests, in the same proportions as the real times. */
export const QUICK: Timing = {
  lostMessagesMs: 20,
  takeoverMs: 20,
  pollMs: 2,
  idleCheckMs: 5,
  maxBackoffMs: 4,
};

/** When these worlds begin. */
export const START = '2026-01-01T10:00:00.000Z';

export type World = {
  readonly store: EventStore;
  readonly kernel: Kernel;
  readonly output: RecordingOutput;
  readonly clock: FixedClock;
  /** The read model's file, so to speak. */
  readonly file: MemoryReadModelStore;
  /** A projector on the world's file and output, unless the options name others. */
  readonly projector: (options?: Partial<ProjectorOptions>) => Projector;
  /** A fresh projector, until the head of the log. */
  readonly project: (
    once?: OnceOptions,
    options?: Partial<ProjectorOptions>,
  ) => Promise<RunSummary>;
};

export type WorldOptions = MemoryStoreOptions & {
  /** Default: a store in memory. */
  readonly store?: EventStore;
  readonly output?: RecordingOutput;
  readonly kernel?: Partial<KernelOptions>;
  readonly start?: string;
  /** Projectors get the log in pages of so many entries, so that little is enough for several pages. */
  readonly pageEntries?: number;
};

export async function makeWorld(options: WorldOptions = {}): Promise<World> {
  const store = options.store ?? memoryStore({ faults: options.faults });
  const clock = fixedClock(options.start ?? START);
  const output = options.output ?? recordingOutput();
  const file = memoryReadModelStore();
  const kernel = await openKernel({ ...scheduleProduct, store, clock, ...options.kernel });
  const { pageEntries } = options;
  const paged = pageEntries === undefined ? store : inSmallPages(store, pageEntries);
  const projector: World['projector'] = (more = {}) =>
    // Opening the file takes it over, so it is opened for nobody who brings another.
    openProjector({
      store: paged,
      output,
      clock,
      timing: QUICK,
      ...more,
      state: more.state ?? file.open(),
    });
  return {
    store,
    kernel,
    output,
    clock,
    file,
    projector,
    project: async (once = {}, more = {}) => projector(more).once(once),
  };
}

/** The same log, a few entries at a time. */
export function inSmallPages(store: EventStore, size: number): EventStore {
  return {
    ...store,
    async *subscribeAll(options) {
      for await (const entries of store.subscribeAll(options)) {
        for (let at = 0; at < entries.length; at += size) yield entries.slice(at, at + size);
      }
    },
  };
}

/** A request by a user about a task, a minute after the other ones by default. */
export function anInput(n: number, more: Partial<RaiseInput> = {}): RaiseInput {
  return {
    userId: 1,
    triggerType: 'important_urgent_task',
    source: 'api_trigger',
    targetType: 'task_pool',
    targetId: n,
    ...more,
  };
}

/** A raise that has to be raised. */
export async function raised(
  kernel: Kernel,
  input: RaiseInput,
): Promise<Extract<RaiseResult, { outcome: 'raised' }>> {
  const result = await kernel.raise(input);
  if (result.outcome === 'raised') return result;
  throw new Error(`not raised but ${JSON.stringify(result)}`);
}

/** Everything in the log, or in one stream of it. */
export async function eventsOf(store: EventStore, stream?: string): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  const pages =
    stream === undefined
      ? store.readAll({ direction: 'forwards', prefixes: [] })
      : store.readStream(stream, { direction: 'forwards' });
  for await (const page of pages) events.push(...page);
  return events;
}

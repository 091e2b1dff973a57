// Support for the acceptance tests. Each test runs on both event stores, the embedded store and the store
// behind EventStoreDB's protocol, with its own task source.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { createFront } from '../../src/adapters/eventstore/front/front.ts';
import { recordingOutput } from '../../src/adapters/memory/recording-output.ts';
import type { RecordedEvent } from '../../src/domain/core/recorded-event.ts';
import { memoryReadModelStore } from '../../src/adapters/memory/read-model.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { ScheduledBlock, Task, TaskSource } from '../../src/schedule/tasks/task-source.ts';
import type { RaiseInput } from '../../src/domain/trigger/commands.ts';
import { taskEvaluator } from '../../src/schedule/evaluation/task-evaluator.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import type { KernelOptions } from '../../src/kernel/open-kernel.ts';
import type { PreviewView } from '../../src/domain/preview/view.ts';
import { laterWorld, type LaterWorld, type WorkerOptions } from '../support/later.ts';
import { until } from '../support/until.ts';
import { virtualTime } from '../support/virtual-time.ts';
import { eventsOf, QUICK } from '../support/world.ts';

/** Thursday, 07:00 in Shanghai: all twelve sections of the day are still to come. */
export const MORNING = Date.parse('2026-04-30T07:00:00+08:00');

/** Tasks and a timetable that tests change. */
export type Timetable = {
  readonly source: TaskSource;
  readonly tasks: Map<string, Task>;
  readonly blocks: Map<string, ScheduledBlock>;
};

export function timetable(): Timetable {
  const tasks = new Map<string, Task>();
  const blocks = new Map<string, ScheduledBlock>();
  return {
    tasks,
    blocks,
    source: {
      task: (_user, task) => Promise.resolve(tasks.get(task)),
      block: (_user, block) => Promise.resolve(blocks.get(block)),
      blocks: (_user, from, to) =>
        Promise.resolve(
          [...blocks.values()].filter(({ startAt }) => startAt >= from && startAt < to),
        ),
      changes: () => {
        throw new Error('these tests do not follow changes');
      },
    },
  };
}

export function aTask(taskId: string, more: Partial<Task> = {}): Task {
  const common = { userId: '1', title: `Task ${taskId}`, priority: 1, completed: false } as const;
  return { ...common, taskId, estimatedSections: 1, ...more };
}

export function aBlock(
  blockId: string,
  startAt: number,
  more: Partial<ScheduledBlock> = {},
): ScheduledBlock {
  const endAt = startAt + 45 * 60_000;
  return {
    userId: '1',
    blockId,
    title: `Block ${blockId}`,
    startAt,
    endAt,
    completed: false,
    ...more,
  };
}

export function urgent(targetId: string, more: Partial<RaiseInput> = {}): RaiseInput {
  return {
    userId: 1,
    triggerType: 'important_urgent_task',
    source: 'api_trigger',
    targetType: 'task_pool',
    targetId,
    ...more,
  };
}

export function feedback(targetId: string, more: Partial<RaiseInput> = {}): RaiseInput {
  return {
    ...urgent(targetId),
    triggerType: 'unfinished_feedback',
    source: 'user_feedback',
    targetType: 'schedule_event',
    ...more,
  };
}

export type Acceptance = LaterWorld &
  Timetable & {
    /** Every event of this world, in the log's order. */
    readonly log: () => Promise<readonly RecordedEvent[]>;
    /** Raises, and waits until a worker has evaluated it. */
    readonly evaluated: (input: RaiseInput, worker?: WorkerOptions) => Promise<string>;
    /** Raises, evaluates, and reads the offered preview. */
    readonly offered: (input: RaiseInput) => Promise<PreviewView>;
    /** Contract names of the messages that a projection of this log sends, in order. */
    readonly messages: () => Promise<readonly string[]>;
  };

export type MakeAcceptance = (
  kernel?: Partial<KernelOptions>,
  table?: Timetable,
) => Promise<Acceptance>;

/** Declares tests for each event store; each world has its own streams. */
export function onBothStores(declare: (make: MakeAcceptance) => void): void {
  const stores: readonly (readonly [string, (file: string) => Promise<Opened>])[] = [
    ['on the embedded store', openEmbedded],
    ['behind EventStoreDB’s protocol', openFront],
  ];
  describe.each(stores)('%s', (_name, open) => {
    const directory = mkdtempSync(join(tmpdir(), 'tocsin-acceptance-'));
    let opened: Opened;
    let worlds = 0;
    beforeAll(async () => {
      opened = await open(join(directory, 'events.db'));
    });
    afterAll(async () => {
      await opened.close();
      rmSync(directory, { recursive: true });
    });
    declare((kernel = {}, table = timetable()) => {
      worlds += 1;
      return acceptance(opened.store, `w${worlds}`, kernel, table);
    });
  });
}

type Opened = { readonly store: EventStore; readonly close: () => Promise<void> };

async function openEmbedded(file: string): Promise<Opened> {
  const store = await embeddedStore({ file });
  return { store, close: async () => store[Symbol.asyncDispose]() };
}

async function openFront(file: string): Promise<Opened> {
  const front = await createFront({ file });
  const store = eventStoreDb({ connectionString: front.url });
  return {
    store,
    async close() {
      await store[Symbol.asyncDispose]();
      await front.close();
    },
  };
}

async function acceptance(
  store: EventStore,
  name: string,
  kernel: Partial<KernelOptions>,
  table: Timetable,
): Promise<Acceptance> {
  const time = virtualTime(MORNING);
  const { evaluate } = taskEvaluator({ source: table.source });
  const world = await laterWorld({ store, time, evaluate, kernel: { name, ...kernel } });
  const log = async (): Promise<readonly RecordedEvent[]> =>
    (await eventsOf(store)).filter(({ stream }) => stream.startsWith(`${name}.`));
  const triggerEvents = async (): Promise<readonly RecordedEvent[]> =>
    (await log()).filter(({ stream }) => stream.startsWith(`${name}.trigger-`));
  // All projections of this log share one output; each starts without state.
  const output = recordingOutput();
  const worker: LaterWorld['worker'] = (options = {}) => world.worker({ name, ...options });
  const evaluated: Acceptance['evaluated'] = async (input, options) => {
    const result = await world.kernel.raise(input);
    if (result.outcome !== 'raised') throw new Error(JSON.stringify(result));
    const { triggerId } = result;
    await using _worker = worker(options);
    await until('the trigger is evaluated', async () => {
      const trigger = await world.kernel.trigger(triggerId);
      return trigger !== undefined && trigger.status !== 'pending';
    });
    return triggerId;
  };
  return {
    ...world,
    ...table,
    worker,
    log,
    triggerEvents,
    types: async () => (await triggerEvents()).map(({ type }) => type),
    evaluated,
    async offered(input) {
      const previewId = (await evaluated(input)).replace('ast_', 'asp_');
      const view = await world.kernel.previews.get(String(input.userId), previewId);
      if (view === undefined) throw new Error('no preview was offered');
      return view;
    },
    async messages() {
      const projector = openProjector({
        store,
        name,
        output,
        state: memoryReadModelStore().open(),
        clock: time,
        timing: QUICK,
      });
      await projector.once();
      return output.messages.map(({ headers }) => headers.get('ce-type') ?? '');
    },
  };
}

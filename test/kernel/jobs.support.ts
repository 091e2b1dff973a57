// Due jobs on a log: a host whose tasks the test changes, the follower, scanners, and virtual time.
import { memoryDueIndexStore } from '../support/due-indexes.ts';
import { createTaskTable, type TaskRows } from '../../src/schedule/tasks/files/task-table.ts';
import { BUILT_IN_DETECTORS } from '../../src/schedule/detectors/built-in.ts';
import type { DueJobState } from '../../src/schedule/due-job/state.ts';
import { dueJobStream } from '../../src/schedule/due-job/stream.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { ScheduledBlock, Task, TaskSource } from '../../src/schedule/tasks/task-source.ts';
import { dueJobDecider } from '../../src/schedule/due-jobs.ts';
import { openKernel, type Kernel } from '../../src/kernel/open-kernel.ts';
import { DUE_JOB_INDEX, scannerProcess, type ScannerOptions } from '../../src/schedule/scanner.ts';
import { taskFollowerProcess, type TaskFollowerOptions } from '../../src/schedule/task-follower.ts';
import { until } from '../support/until.ts';
import { virtualTime, type VirtualTime } from '../support/virtual-time.ts';
import { eventsOf } from '../support/world.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

export const MINUTE = 60_000;
/** The virtual time at the start of a test. */
export const BEGIN = Date.UTC(2026, 3, 30, 10, 1);

export type JobWorld = AsyncDisposable & {
  readonly name: string;
  readonly time: VirtualTime;
  readonly store: EventStore;
  readonly kernel: Kernel;
  /** The host's tasks and blocks. */
  readonly host: {
    readonly set: (task: Partial<Task>) => void;
    readonly drop: (taskId: string) => void;
    readonly block: (block: Partial<ScheduledBlock>) => void;
    readonly unblock: (blockId: string) => void;
    readonly source: TaskSource;
  };
  /** Starts the follower. */
  readonly follow: (more?: Partial<TaskFollowerOptions>) => void;
  /** Starts a scanner, with an index of its own. */
  readonly scan: (more?: Partial<ScannerOptions>) => void;
  readonly job: (kind: string, subjectId: string) => Promise<DueJobState>;
  /** Waits until the job's state satisfies `is`. */
  readonly until: (
    kind: string,
    subjectId: string,
    what: string,
    is: (job: DueJobState) => boolean,
  ) => Promise<DueJobState>;
  readonly types: (stream?: string) => Promise<readonly string[]>;
  /** Stops the follower and the scanners. */
  readonly stop: () => Promise<void>;
};

/** @param name the kernel's name: several worlds may share a store */
export async function jobWorld(store: EventStore, name = 'tocsin'): Promise<JobWorld> {
  const time = virtualTime(BEGIN);
  const kernel = await openKernel({ ...scheduleProduct, store, clock: time, name });
  const tasks = new Map<string, Task>();
  const blocks = new Map<string, ScheduledBlock>();
  const table = createTaskTable();
  const publish = (): void => {
    const rows: TaskRows = { tasks: [...tasks.values()], blocks: [...blocks.values()] };
    table.replace(rows);
  };
  let stop = new AbortController();
  let running: Promise<void>[] = [];
  const stopAll = async (): Promise<void> => {
    stop.abort();
    const ended = running;
    running = [];
    stop = new AbortController();
    await Promise.all(ended);
  };
  const job: JobWorld['job'] = async (kind, subjectId) => {
    const stream = dueJobStream(name, { userId: '42', kind, subjectId });
    return (await dueJobDecider.load(store, stream)).state;
  };

  return {
    name,
    time,
    store,
    kernel,
    host: {
      set(task) {
        const taskId = task.taskId ?? '7';
        const before = tasks.get(taskId) ?? {
          userId: '42',
          taskId,
          title: 'a task',
          priority: 1,
          completed: false,
          urgencyThresholdAt: BEGIN + 10 * MINUTE,
          estimatedSections: 1,
        };
        tasks.set(taskId, { ...before, ...task });
        publish();
      },
      drop(taskId) {
        tasks.delete(taskId);
        publish();
      },
      block(block) {
        const blockId = block.blockId ?? 'b1';
        const before = blocks.get(blockId) ?? {
          userId: '42',
          blockId,
          title: 'a block',
          startAt: BEGIN + 60 * MINUTE,
          endAt: BEGIN + 90 * MINUTE,
          completed: false,
        };
        blocks.set(blockId, { ...before, ...block });
        publish();
      },
      unblock(blockId) {
        blocks.delete(blockId);
        publish();
      },
      source: table,
    },
    follow(more = {}) {
      const follower = taskFollowerProcess({
        ...time,
        store,
        source: table,
        detectors: BUILT_IN_DETECTORS,
        kernelName: name,
        ...more,
      });
      running.push(follower.run(stop.signal));
    },
    scan(more = {}) {
      const scanner = scannerProcess({
        ...time,
        store,
        kernel,
        source: table,
        detectors: BUILT_IN_DETECTORS,
        kernelName: name,
        index: memoryDueIndexStore().open(kernel.storeId).open(DUE_JOB_INDEX),
        ...more,
      });
      running.push(scanner.run(stop.signal));
    },
    job,
    until: (kind, subjectId, what, is) =>
      until(`the job is ${what}`, async () => {
        const state = await job(kind, subjectId);
        return is(state) && state;
      }),
    async types(stream) {
      const events = await eventsOf(store, stream);
      return events.filter((event) => event.stream.startsWith(`${name}.`)).map(({ type }) => type);
    },
    stop: stopAll,
    async [Symbol.asyncDispose]() {
      await stopAll();
      await kernel.close();
    },
  };
}

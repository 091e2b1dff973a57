// The rows of a task source of files, and the changes between two reads. For a slow listener only the last
// change of each row is kept, so its queue is bounded.
import type { TargetId, UserId } from '../../../domain/core/identity.ts';
import type { Instant } from '../../../domain/core/instants.ts';
import { isOver } from '../../../domain/core/signals.ts';
import { wakeSignal } from '../../../domain/core/wake-signal.ts';
import type { ScheduledBlock, Task, TaskChange, TaskSource } from '../task-source.ts';

export type TaskRows = {
  readonly tasks: readonly Task[];
  readonly blocks: readonly ScheduledBlock[];
};

export type TaskTable = Omit<TaskSource, 'changes'> & {
  /** Replaces all rows; listeners get the differences. */
  readonly replace: (rows: TaskRows) => void;
  /** All rows, then every change, until the signal aborts. */
  readonly changes: (signal: AbortSignal) => AsyncGenerator<TaskChange, void, undefined>;
};

type HeldRow = { readonly change: TaskChange; readonly text: string };

export function createTaskTable(): TaskTable {
  const tasks = new Map<string, Task>();
  const blocks = new Map<string, ScheduledBlock>();
  let held = new Map<string, HeldRow>();
  const listeners = new Set<(key: string, change: TaskChange) => void>();

  const publish = (key: string, change: TaskChange): void => {
    for (const listener of listeners) listener(key, change);
  };

  return {
    task: (user, task) => Promise.resolve(tasks.get(keyOf('task', user, task))),
    block: (user, block) => Promise.resolve(blocks.get(keyOf('block', user, block))),
    blocks(user, from, to) {
      const found = [...blocks.values()].filter((block) => isIn(block, user, from, to));
      return Promise.resolve(found.sort((a, b) => a.startAt - b.startAt));
    },
    replace(rows) {
      const before = held;
      held = new Map();
      tasks.clear();
      blocks.clear();
      for (const task of rows.tasks) tasks.set(keyOf('task', task.userId, task.taskId), task);
      for (const block of rows.blocks)
        blocks.set(keyOf('block', block.userId, block.blockId), block);
      for (const change of changesOf(rows)) {
        const id = change.kind === 'task' ? change.taskId : change.blockId;
        const text = JSON.stringify(change);
        held.set(keyOf(change.kind, change.userId, id), { change, text });
      }
      for (const [key, { change, text }] of held) {
        if (before.get(key)?.text !== text) publish(key, change);
      }
      for (const [key, { change }] of before) if (!held.has(key)) publish(key, gone(change));
    },
    async *changes(signal) {
      const pending = new Map<string, TaskChange>();
      for (const [key, { change }] of held) pending.set(key, change);
      const changed = wakeSignal();
      const listener = (key: string, change: TaskChange): void => {
        pending.set(key, change);
        changed.wake();
      };
      listeners.add(listener);
      signal.addEventListener('abort', changed.wake, { once: true });
      try {
        while (!signal.aborted) {
          for (const [key, change] of pending) {
            pending.delete(key);
            yield change;
            if (isOver(signal)) return;
          }
          if (pending.size > 0) continue;
          await changed.next();
        }
      } finally {
        listeners.delete(listener);
        signal.removeEventListener('abort', changed.wake);
      }
    },
  };
}

/** The rows, each as an added row. */
export function* changesOf({ tasks, blocks }: TaskRows): Generator<TaskChange, void, undefined> {
  for (const task of tasks) yield { kind: 'task', userId: task.userId, taskId: task.taskId, task };
  for (const block of blocks) {
    yield { kind: 'block', userId: block.userId, blockId: block.blockId, block };
  }
}

function gone(change: TaskChange): TaskChange {
  if (change.kind === 'task') return { ...change, task: undefined };
  return { ...change, block: undefined, taskId: change.block?.taskId };
}

function keyOf(kind: TaskChange['kind'], user: UserId, id: TargetId): string {
  return `${kind} ${user} ${id}`;
}

function isIn(block: ScheduledBlock, user: UserId, from: Instant, to: Instant): boolean {
  return block.userId === user && block.startAt >= from && block.startAt < to;
}

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
  /** The same in parts: yields between them. The rows change all at once; one replacement runs at a time. */
  readonly replaceInParts: (rows: TaskRows) => Generator<undefined, void, undefined>;
  /** All rows, then every change, until the signal aborts. */
  readonly changes: (signal: AbortSignal) => AsyncGenerator<TaskChange, void, undefined>;
};

type HeldRow = { readonly change: TaskChange; readonly text: string };

export function createTaskTable(): TaskTable {
  let tasks = new Map<string, Task>();
  let blocks = new Map<string, ScheduledBlock>();
  let held = new Map<string, HeldRow>();
  const listeners = new Set<(key: string, change: TaskChange) => void>();

  const publish = (key: string, change: TaskChange): void => {
    for (const listener of listeners) listener(key, change);
  };

  function* replaceInParts(rows: TaskRows): Generator<undefined, void, undefined> {
    const next = {
      tasks: new Map<string, Task>(),
      blocks: new Map<string, ScheduledBlock>(),
      held: new Map<string, HeldRow>(),
    };
    for (const change of changesOf(rows)) {
      yield;
      const key = keyOfChange(change);
      if (change.kind === 'task') next.tasks.set(key, change.task);
      else next.blocks.set(key, change.block);
      next.held.set(key, { change, text: JSON.stringify(change) });
    }
    const before = held;
    ({ tasks, blocks, held } = next);
    for (const [key, { change, text }] of next.held) {
      yield;
      if (before.get(key)?.text !== text) publish(key, change);
    }
    for (const [key, { change }] of before) {
      yield;
      if (!next.held.has(key)) publish(key, gone(change));
    }
  }

  return {
    task: (user, task) => Promise.resolve(tasks.get(keyOf('task', user, task))),
    block: (user, block) => Promise.resolve(blocks.get(keyOf('block', user, block))),
    blocks(user, from, to) {
      const found = [...blocks.values()].filter((block) => isIn(block, user, from, to));
      return Promise.resolve(found.sort((a, b) => a.startAt - b.startAt));
    },
    replace(rows) {
      for (const _ of replaceInParts(rows));
    },
    replaceInParts,
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

/** A task or block that is there. */
export type AddedRow =
  | (Extract<TaskChange, { kind: 'task' }> & { readonly task: Task })
  | (Extract<TaskChange, { kind: 'block' }> & { readonly block: ScheduledBlock });

/** The rows, each as an added row. */
export function* changesOf({ tasks, blocks }: TaskRows): Generator<AddedRow, void, undefined> {
  for (const task of tasks) yield { kind: 'task', userId: task.userId, taskId: task.taskId, task };
  for (const block of blocks) {
    yield { kind: 'block', userId: block.userId, blockId: block.blockId, block };
  }
}

function gone(change: TaskChange): TaskChange {
  if (change.kind === 'task') return { ...change, task: undefined };
  return { ...change, block: undefined, taskId: change.block?.taskId };
}

function keyOfChange(change: TaskChange): string {
  const id = change.kind === 'task' ? change.taskId : change.blockId;
  return keyOf(change.kind, change.userId, id);
}

function keyOf(kind: TaskChange['kind'], user: UserId, id: TargetId): string {
  return `${kind} ${user} ${id}`;
}

function isIn(block: ScheduledBlock, user: UserId, from: Instant, to: Instant): boolean {
  return block.userId === user && block.startAt >= from && block.startAt < to;
}

// Bringing jobs in step with what a host has, once: the follower's work without following.
import type { Detector } from './detectors/detector.ts';
import type { ScheduledBlock, Task, TaskChange } from './tasks/task-source.ts';
import { dueJobStream } from './due-job/stream.ts';
import { watchSubject, type DueJobChange, type DueJobContext } from './due-jobs.ts';
import { keyedQueue } from '../domain/core/keyed-queue.ts';

/** How many jobs were changed how. */
export type ImportedJobs = Readonly<Record<Exclude<DueJobChange, 'settled'>, number>>;

/**
 * Tells jobs what is true of their subjects; the same again changes nothing.
 *
 * @param onEach told after each task and block
 * @throws TocsinError `unavailable` when the store gives no answer or refuses
 */
export async function importJobs(
  context: DueJobContext & {
    readonly detectors: readonly Detector[];
    /** Jobs written at once. */
    readonly concurrency: number;
    readonly signal: AbortSignal;
  },
  found: { readonly tasks: readonly Task[]; readonly blocks: readonly ScheduledBlock[] },
  onEach: () => void,
): Promise<ImportedJobs> {
  const counts = { scheduled: 0, rescheduled: 0, cancelled: 0, unchanged: 0, settled: 0 };
  const lanes = keyedQueue(context.concurrency);
  for (const change of changesOf(found)) {
    if (context.signal.aborted) break;
    for (const detector of context.detectors) {
      const seen = detector.watch(change);
      if (seen === undefined) continue;
      await lanes.add(dueJobStream(context.kernel, seen.subject), async () => {
        const done = await watchSubject(context, seen);
        // A block's word about a task's job is no job of its own.
        if (seen.kind === 'watch' || done !== 'unchanged') counts[done] += 1;
      });
    }
    onEach();
  }
  await lanes.idle();
  const { settled: _, ...rest } = counts;
  return rest;
}

function* changesOf({
  tasks,
  blocks,
}: {
  readonly tasks: readonly Task[];
  readonly blocks: readonly ScheduledBlock[];
}): Generator<TaskChange, void, undefined> {
  for (const task of tasks) {
    const { userId, taskId } = task;
    yield { kind: 'task', userId, taskId, task };
  }
  for (const block of blocks) {
    const { userId, blockId } = block;
    yield { kind: 'block', userId, blockId, block };
  }
}

// Adapts due jobs once to the tasks and blocks of a source.
import type { Detector } from './detectors/detector.ts';
import { changesOf, type TaskRows } from './tasks/files/task-table.ts';
import { dueJobStream } from './due-job/stream.ts';
import { updateDueJob, type DueJobChange, type DueJobContext } from './due-jobs.ts';
import { keyedQueue } from '../domain/core/keyed-queue.ts';

export type ImportedDueJobs = Readonly<Record<Exclude<DueJobChange, 'inspected'>, number>>;

/** Adapts the jobs of all tasks and blocks, and calls `onEach` after each. A repeat changes nothing. */
export async function importDueJobs(
  context: DueJobContext & {
    readonly detectors: readonly Detector[];
    readonly signal: AbortSignal;
    /** Jobs written at once; default 64. */
    readonly concurrency?: number;
  },
  rows: TaskRows,
  onEach: () => void = () => undefined,
): Promise<ImportedDueJobs> {
  const counts = { scheduled: 0, rescheduled: 0, cancelled: 0, unchanged: 0, inspected: 0 };
  const queue = keyedQueue(context.concurrency ?? 64);
  for (const change of changesOf(rows)) {
    if (context.signal.aborted) break;
    for (const detector of context.detectors) {
      const update = detector.plan(change);
      if (update === undefined) continue;
      await queue.add(dueJobStream(context.kernel, update.subject), async () => {
        const done = await updateDueJob(context, update);
        // A block that changes nothing about its task's job is not counted as a job of its own.
        if (update.kind === 'plan' || done !== 'unchanged') counts[done] += 1;
      });
    }
    onEach();
  }
  await queue.idle();
  const { inspected: _, ...rest } = counts;
  return rest;
}

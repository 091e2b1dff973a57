// An important task has reached its urgency threshold and is not on the timetable. The checks are the
// seed's, in the seed's order: found, completed, threshold, still to come, priority, timetable.
import { formatInstant, type Instant } from '../../domain/core/instants.ts';
import type { Finding } from '../due-job/commands.ts';
import type { Detector } from './detector.ts';
import type { ScheduledBlock, Task } from '../tasks/task-source.ts';
import { detailOf, seenBlock, seenTask } from './facts.ts';

/** How far ahead a block counts as "on the timetable". */
export const SCHEDULED_AHEAD_MS = 24 * 60 * 60 * 1000;
/** A block of no length must not lead to a look at once, again and again. */
const LEAST_WAIT_MS = 60_000;

/** Urgency threshold passed: `important_urgent_task`. */
export const urgentTask: Detector = {
  kind: 'task',

  watch(change) {
    if (change.kind === 'block') {
      const { userId, blockId, block } = change;
      const taskId = block?.taskId ?? change.taskId;
      if (taskId === undefined) return undefined;
      return {
        kind: 'recheck',
        subject: { userId, kind: 'task', subjectId: taskId },
        what: blockInWay(blockId),
        seen: block && seenBlock(block),
      };
    }
    const { userId, taskId, task } = change;
    const subject = { userId, kind: 'task', subjectId: taskId };
    const at = task?.completed === true ? undefined : task?.urgencyThresholdAt;
    const watch = { kind: 'watch', subject, seen: seenTask(task) } as const;
    return at === undefined ? { ...watch, at, code: 'task_not_schedulable' } : { ...watch, at };
  },

  async look({ userId, subjectId }, { source, now, jobId, triggerAt }) {
    let task: Task | undefined;
    try {
      task = await source.task(userId, subjectId);
    } catch (error) {
      return { kind: 'fail', code: 'task_read_failed', detail: detailOf(error) };
    }
    const finding = judgeTask(task, now);
    if (finding !== undefined) return finding;
    let blocks: readonly ScheduledBlock[];
    try {
      blocks = await source.blocks(userId, now, now + SCHEDULED_AHEAD_MS);
    } catch (error) {
      return { kind: 'fail', code: 'schedule_read_failed', detail: detailOf(error) };
    }
    const seen = seenTask(task);
    const block = blocks.find(({ taskId, completed }) => taskId === subjectId && !completed);
    if (block !== undefined) return alreadyScheduled(block, seen, now);
    const payload = { job_id: jobId, urgency_threshold_at: formatInstant(triggerAt) };
    const target = { targetType: 'task_pool', targetId: subjectId } as const;
    const trigger = { triggerType: 'important_urgent_task', ...target, payload };
    return { kind: 'raise', trigger, seen };
  },
};

/** What the task alone says, in order; `undefined` when the timetable decides. */
function judgeTask(task: Task | undefined, now: Instant): Finding | undefined {
  const seen = seenTask(task);
  if (task === undefined) return { kind: 'skip', code: 'task_not_found', seen };
  if (task.completed) return { kind: 'cancel', code: 'task_completed', seen };
  const threshold = task.urgencyThresholdAt;
  if (threshold === undefined) return { kind: 'cancel', code: 'task_not_schedulable', seen };
  if (threshold > now) {
    return { kind: 'defer', code: 'threshold_moved_future', until: threshold, seen };
  }
  if (task.priority > 2) return { kind: 'skip', code: 'task_not_important', seen };
  return undefined;
}

/** When the block is over and the task still open, it is as urgent as before. */
function alreadyScheduled(block: ScheduledBlock, seen: string, now: Instant): Finding {
  return {
    kind: 'skip',
    code: 'task_already_scheduled',
    seen,
    because: { what: blockInWay(block.blockId), seen: seenBlock(block) },
    lookAgainAt: Math.max(block.endAt, now + LEAST_WAIT_MS),
  };
}

function blockInWay(blockId: string): string {
  return `block:${blockId}`;
}

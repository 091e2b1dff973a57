// Raises `important_urgent_task` when an important task has reached its urgency threshold and is not on
// the timetable. The order of the checks is fixed.
import { formatInstant, type Instant } from '../../domain/core/instants.ts';
import type { InspectionResult } from '../due-job/commands.ts';
import { errorDetail, type Detector } from './detector.ts';
import type { ScheduledBlock, Task } from '../tasks/task-source.ts';
import { blockFingerprint, taskFingerprint } from './fingerprints.ts';

/** A task counts as on the timetable when one of its blocks starts within this time. */
export const SCHEDULED_AHEAD_MS = 24 * 60 * 60 * 1000;
/** A block without length must not cause inspections in a loop. */
const MIN_WAIT_MS = 60_000;

export const urgentTask: Detector = {
  kind: 'task',

  plan(change) {
    if (change.kind === 'block') {
      const { userId, blockId, block } = change;
      const taskId = block?.taskId ?? change.taskId;
      if (taskId === undefined) return undefined;
      return {
        kind: 'blocker_changed',
        subject: { userId, kind: 'task', subjectId: taskId },
        blockerId: blockerId(blockId),
        fingerprint: block && blockFingerprint(block),
      };
    }
    const { userId, taskId, task } = change;
    const subject = { userId, kind: 'task', subjectId: taskId };
    const at = task?.completed === true ? undefined : task?.urgencyThresholdAt;
    const plan = { kind: 'plan', subject, fingerprint: taskFingerprint(task) } as const;
    return at === undefined ? { ...plan, at, code: 'task_not_schedulable' } : { ...plan, at };
  },

  async inspect({ userId, subjectId }, { source, now, jobId, triggerAt }) {
    let task: Task | undefined;
    try {
      task = await source.task(userId, subjectId);
    } catch (error) {
      return { kind: 'fail', code: 'task_read_failed', detail: errorDetail(error) };
    }
    const result = inspectTask(task, now);
    if (result !== undefined) return result;
    let blocks: readonly ScheduledBlock[];
    try {
      blocks = await source.blocks(userId, now, now + SCHEDULED_AHEAD_MS);
    } catch (error) {
      return { kind: 'fail', code: 'schedule_read_failed', detail: errorDetail(error) };
    }
    const fingerprint = taskFingerprint(task);
    const block = blocks.find(({ taskId, completed }) => taskId === subjectId && !completed);
    if (block !== undefined) return alreadyScheduled(block, fingerprint, now);
    const payload = { job_id: jobId, urgency_threshold_at: formatInstant(triggerAt) };
    const target = { targetType: 'task_pool', targetId: subjectId } as const;
    const trigger = { triggerType: 'important_urgent_task', ...target, payload };
    return { kind: 'raise', trigger, fingerprint };
  },
};

/** The result by the task alone; `undefined` when the timetable decides. */
function inspectTask(task: Task | undefined, now: Instant): InspectionResult | undefined {
  const fingerprint = taskFingerprint(task);
  if (task === undefined) return { kind: 'skip', code: 'task_not_found', fingerprint };
  if (task.completed) return { kind: 'cancel', code: 'task_completed', fingerprint };
  const threshold = task.urgencyThresholdAt;
  if (threshold === undefined) return { kind: 'cancel', code: 'task_not_schedulable', fingerprint };
  if (threshold > now) {
    return { kind: 'defer', code: 'threshold_moved_future', until: threshold, fingerprint };
  }
  if (task.priority > 2) return { kind: 'skip', code: 'task_not_important', fingerprint };
  return undefined;
}

/** The task is inspected again when the block is over: it may still be open then. */
function alreadyScheduled(
  block: ScheduledBlock,
  fingerprint: string,
  now: Instant,
): InspectionResult {
  return {
    kind: 'skip',
    code: 'task_already_scheduled',
    fingerprint,
    blocker: { id: blockerId(block.blockId), fingerprint: blockFingerprint(block) },
    inspectAgainAt: Math.max(block.endAt, now + MIN_WAIT_MS),
  };
}

function blockerId(blockId: string): string {
  return `block:${blockId}`;
}

// Raises `unfinished_feedback` once per block and end, when the block has ended and is not completed.
import { formatInstant } from '../../domain/core/instants.ts';
import { errorDetail, type Inspection, type Detector } from './detector.ts';
import type { ScheduledBlock, Task } from '../tasks/task-source.ts';
import { blockFingerprint } from './fingerprints.ts';

/** No trigger is raised for a block that ended longer ago. */
export const RAISED_WITHIN_MS = 24 * 60 * 60 * 1000;

/** The feedback id is `{uid}:{end}`. */
export const endedBlock: Detector = {
  kind: 'block',

  plan(change) {
    if (change.kind !== 'block') return undefined;
    const { userId, blockId, block } = change;
    const subject = { userId, kind: 'block', subjectId: blockId };
    const plan = { kind: 'plan', subject, fingerprint: blockFingerprint(block) } as const;
    if (block === undefined) return { ...plan, at: undefined, code: 'block_removed' };
    if (block.completed) return { ...plan, at: undefined, code: 'block_completed' };
    return { ...plan, at: block.endAt };
  },

  async inspect({ userId, subjectId }, { source, now, jobId }): Promise<Inspection> {
    let block: ScheduledBlock | undefined;
    let task: Task | undefined;
    try {
      block = await source.block(userId, subjectId);
      const taskId = block?.taskId;
      task = taskId === undefined ? undefined : await source.task(userId, taskId);
    } catch (error) {
      return { kind: 'fail', code: 'schedule_read_failed', detail: errorDetail(error) };
    }
    const fingerprint = blockFingerprint(block);
    if (block === undefined) return { kind: 'skip', code: 'block_not_found', fingerprint };
    if (block.completed) return { kind: 'cancel', code: 'block_completed', fingerprint };
    if (task?.completed === true) return { kind: 'cancel', code: 'task_completed', fingerprint };
    const { endAt } = block;
    if (endAt > now)
      return { kind: 'defer', code: 'block_moved_future', until: endAt, fingerprint };
    if (now - endAt > RAISED_WITHIN_MS)
      return { kind: 'skip', code: 'block_long_past', fingerprint };
    const end = formatInstant(endAt);
    const trigger = {
      triggerType: 'unfinished_feedback',
      targetType: 'schedule_event',
      targetId: subjectId,
      feedbackId: `${block.seriesId ?? subjectId}:${end}`,
      payload: { job_id: jobId, block_ended_at: end },
    } as const;
    return { kind: 'raise', trigger, fingerprint };
  },
};

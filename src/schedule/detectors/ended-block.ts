// A scheduled block has ended and nobody has said that it was done: the user is asked, once per block
// and end.
import { formatInstant } from '../../domain/core/instants.ts';
import type { Look, Detector } from './detector.ts';
import type { ScheduledBlock, Task } from '../tasks/task-source.ts';
import { detailOf, seenBlock } from './facts.ts';

/** A block that ended longer ago than this is history: nobody is asked about it any more. */
export const ASKED_WITHIN_MS = 24 * 60 * 60 * 1000;

/** Block ended without completion: `unfinished_feedback` with feedback id `{uid}:{end}`. */
export const endedBlock: Detector = {
  kind: 'block',

  watch(change) {
    if (change.kind !== 'block') return undefined;
    const { userId, blockId, block } = change;
    const subject = { userId, kind: 'block', subjectId: blockId };
    const watch = { kind: 'watch', subject, seen: seenBlock(block) } as const;
    if (block === undefined) return { ...watch, at: undefined, code: 'block_removed' };
    if (block.completed) return { ...watch, at: undefined, code: 'block_completed' };
    return { ...watch, at: block.endAt };
  },

  async look({ userId, subjectId }, { source, now, jobId }): Promise<Look> {
    let block: ScheduledBlock | undefined;
    let task: Task | undefined;
    try {
      block = await source.block(userId, subjectId);
      const taskId = block?.taskId;
      task = taskId === undefined ? undefined : await source.task(userId, taskId);
    } catch (error) {
      return { kind: 'fail', code: 'schedule_read_failed', detail: detailOf(error) };
    }
    const seen = seenBlock(block);
    if (block === undefined) return { kind: 'skip', code: 'block_not_found', seen };
    if (block.completed) return { kind: 'cancel', code: 'block_completed', seen };
    if (task?.completed === true) return { kind: 'cancel', code: 'task_completed', seen };
    const { endAt } = block;
    if (endAt > now) return { kind: 'defer', code: 'block_moved_future', until: endAt, seen };
    if (now - endAt > ASKED_WITHIN_MS) return { kind: 'skip', code: 'block_long_past', seen };
    const end = formatInstant(endAt);
    const trigger = {
      triggerType: 'unfinished_feedback',
      targetType: 'schedule_event',
      targetId: subjectId,
      feedbackId: `${block.seriesId ?? subjectId}:${end}`,
      payload: { job_id: jobId, block_ended_at: end },
    } as const;
    return { kind: 'raise', trigger, seen };
  },
};

// Diagnoses a trigger's target by an ordered table of checks, and says what each issue leads to.
import { match } from 'ts-pattern';
import type { Instant } from '../../domain/core/instants.ts';
import type { ScheduledBlock, Task } from '../tasks/task-source.ts';
import { firstConsecutive, type Slot } from './slot-table.ts';

/** How far ahead slots and blocks are considered. */
export const HORIZON_MS = 24 * 60 * 60 * 1000;

export type IssueCode =
  | 'target_completed'
  | 'target_already_scheduled'
  | 'no_valid_time_window'
  | 'feedback_target_unknown'
  | 'no_free_slot'
  | 'capacity_insufficient'
  /** Enough slots, but too few consecutive ones. */
  | 'no_contiguous_slots'
  /** The missed block belongs to no task, so no task can be scheduled again. */
  | 'nothing_to_make_up'
  | 'can_add_task_pool_to_schedule'
  | 'need_makeup_block';

/** The facts about a trigger's target and its owner's timetable. */
export type TargetFacts = {
  readonly now: Instant;
  /** Slots that start within the horizon, ascending. */
  readonly slots: readonly Slot[];
  /** Blocks that overlap the horizon. */
  readonly blocks: readonly ScheduledBlock[];
} & (
  | { readonly about: 'task'; readonly task: Task | undefined }
  | {
      readonly about: 'feedback';
      /** True when the request has a feedback id or an idempotency key. */
      readonly isIdentified: boolean;
      readonly block: ScheduledBlock | undefined;
    }
);

export type Metrics = {
  readonly slots: number;
  readonly free: number;
  /** Free slots that start at the deadline or before. */
  readonly usable: number;
  readonly needed: number;
  /** How many slots are missing. */
  readonly capacityGap: number;
};

export type Diagnosis = {
  readonly issue: IssueCode;
  readonly metrics: Metrics;
  /** The slots to propose, where there is a proposal. */
  readonly chosen?: readonly Slot[];
};

/** The diagnosis of the first check that applies. */
export function diagnose(facts: TargetFacts): Diagnosis {
  const free = facts.slots.filter((slot) => facts.blocks.every((block) => !overlaps(slot, block)));
  return facts.about === 'task' ? diagnoseTask(facts, free) : diagnoseFeedback(facts, free);
}

export function actionOf(issue: IssueCode): 'close' | 'question' | 'reminder' | 'proposal' {
  return match(issue)
    .with('target_completed', 'target_already_scheduled', () => 'close' as const)
    .with('no_valid_time_window', 'feedback_target_unknown', () => 'question' as const)
    .with(
      'no_free_slot',
      'capacity_insufficient',
      'no_contiguous_slots',
      'nothing_to_make_up',
      () => 'reminder' as const,
    )
    .with('can_add_task_pool_to_schedule', 'need_makeup_block', () => 'proposal' as const)
    .exhaustive();
}

function diagnoseTask(
  { task, slots, blocks, now }: Extract<TargetFacts, { about: 'task' }>,
  free: readonly Slot[],
): Diagnosis {
  const needed = Math.min(4, Math.max(1, Math.trunc(task?.estimatedSections ?? 1)));
  const { deadlineAt } = task ?? {};
  const usable = free.filter(({ startAt }) => deadlineAt === undefined || startAt <= deadlineAt);
  const metrics = metricsOf(slots, free, usable.length, needed);
  const diagnosis = (issue: IssueCode): Diagnosis => ({ issue, metrics });
  if (task?.completed === true) return diagnosis('target_completed');
  if (task !== undefined && isScheduled(task, blocks, now))
    return diagnosis('target_already_scheduled');
  if (task === undefined || slots.length === 0) return diagnosis('no_valid_time_window');
  if (free.length === 0) return diagnosis('no_free_slot');
  if (metrics.capacityGap > 0) return diagnosis('capacity_insufficient');
  const chosen = firstConsecutive(usable, needed);
  if (chosen === undefined) return diagnosis('no_contiguous_slots');
  return { issue: 'can_add_task_pool_to_schedule', metrics, chosen };
}

function diagnoseFeedback(
  { isIdentified, block, slots }: Extract<TargetFacts, { about: 'feedback' }>,
  free: readonly Slot[],
): Diagnosis {
  const metrics = metricsOf(slots, free, free.length, 1);
  const diagnosis = (issue: IssueCode): Diagnosis => ({ issue, metrics });
  if (!isIdentified || block === undefined) return diagnosis('feedback_target_unknown');
  // The block was completed after the trigger was raised.
  if (block.completed) return diagnosis('target_completed');
  if (free.length === 0) return diagnosis('no_free_slot');
  if (block.taskId === undefined) return diagnosis('nothing_to_make_up');
  return { issue: 'need_makeup_block', metrics, chosen: free.slice(0, 1) };
}

function metricsOf(
  slots: readonly Slot[],
  free: readonly Slot[],
  usable: number,
  needed: number,
): Metrics {
  const capacityGap = Math.max(0, needed - usable);
  return { slots: slots.length, free: free.length, usable, needed, capacityGap };
}

/** True when one of the task's blocks starts within the horizon. */
function isScheduled(task: Task, blocks: readonly ScheduledBlock[], now: Instant): boolean {
  return blocks.some(
    ({ taskId, startAt }) => taskId === task.taskId && startAt >= now && startAt < now + HORIZON_MS,
  );
}

function overlaps(slot: Slot, block: ScheduledBlock): boolean {
  return block.startAt < slot.endAt && block.endAt > slot.startAt;
}

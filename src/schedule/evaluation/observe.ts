// What is true of a trigger's target now, and what to do about it: one table, in which every row has an
// outcome of its own. What tells a person something always says what kind of thing it is (W18).
import { match } from 'ts-pattern';
import type { Instant } from '../../domain/core/instants.ts';
import type { ScheduledBlock, Task } from '../tasks/task-source.ts';
import { firstRun, type Slot } from './slots.ts';

/** How far an evaluation looks ahead. */
export const OBSERVATION_MS = 24 * 60 * 60 * 1000;

/** What was found; stable codes. */
export type IssueCode =
  | 'target_completed'
  | 'target_already_scheduled'
  | 'no_valid_time_window'
  | 'feedback_target_unknown'
  | 'no_free_slot'
  | 'capacity_insufficient'
  /** Slots enough, but none that follow one another: the old rule closed such a trigger silently. */
  | 'no_contiguous_slots'
  /** The block that was missed belongs to no task, so there is nothing to put elsewhere. */
  | 'nothing_to_make_up'
  | 'can_add_task_pool_to_schedule'
  | 'need_makeup_block';

/** What an evaluation looks at. */
export type Facts = {
  readonly now: Instant;
  /** Slots that start within the observation window, ascending. */
  readonly slots: readonly Slot[];
  /** Blocks that touch the window. */
  readonly blocks: readonly ScheduledBlock[];
} & (
  | { readonly about: 'task'; readonly task: Task | undefined }
  | {
      readonly about: 'feedback';
      /** A feedback id or an idempotency key came with it. */
      readonly isIdentified: boolean;
      readonly block: ScheduledBlock | undefined;
    }
);

export type Metrics = {
  readonly slots: number;
  readonly free: number;
  /** Free slots that start no later than the deadline. */
  readonly usable: number;
  readonly needed: number;
  /** How many more slots are needed than there are. */
  readonly capacityGap: number;
};

/** What to do: the slots of the proposal, where there is one. */
export type Observation = {
  readonly issue: IssueCode;
  readonly metrics: Metrics;
  readonly run?: readonly Slot[];
};

/** Applies the table; the first row that fits counts. */
export function observe(facts: Facts): Observation {
  const free = facts.slots.filter((slot) => facts.blocks.every((block) => !touches(slot, block)));
  return facts.about === 'task' ? observeTask(facts, free) : observeFeedback(facts, free);
}

/** How an issue is answered. */
export function actionFor(issue: IssueCode): 'close' | 'question' | 'reminder' | 'proposal' {
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

function observeTask(
  { task, slots, blocks, now }: Extract<Facts, { about: 'task' }>,
  free: readonly Slot[],
): Observation {
  const needed = Math.min(4, Math.max(1, Math.trunc(task?.estimatedSections ?? 1)));
  const { deadlineAt } = task ?? {};
  const usable = free.filter(({ startAt }) => deadlineAt === undefined || startAt <= deadlineAt);
  const metrics = metricsOf(slots, free, usable.length, needed);
  const found = (issue: IssueCode): Observation => ({ issue, metrics });
  if (task?.completed === true) return found('target_completed');
  if (task !== undefined && isScheduled(task, blocks, now))
    return found('target_already_scheduled');
  if (task === undefined || slots.length === 0) return found('no_valid_time_window');
  if (free.length === 0) return found('no_free_slot');
  if (metrics.capacityGap > 0) return found('capacity_insufficient');
  const run = firstRun(usable, needed);
  if (run === undefined) return found('no_contiguous_slots');
  return { issue: 'can_add_task_pool_to_schedule', metrics, run };
}

function observeFeedback(
  { isIdentified, block, slots }: Extract<Facts, { about: 'feedback' }>,
  free: readonly Slot[],
): Observation {
  const metrics = metricsOf(slots, free, free.length, 1);
  const found = (issue: IssueCode): Observation => ({ issue, metrics });
  if (!isIdentified || block === undefined) return found('feedback_target_unknown');
  // Somebody has ticked it off since: there is nothing to make up.
  if (block.completed) return found('target_completed');
  if (free.length === 0) return found('no_free_slot');
  if (block.taskId === undefined) return found('nothing_to_make_up');
  return { issue: 'need_makeup_block', metrics, run: free.slice(0, 1) };
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

/** On the timetable from now on, within the window. */
function isScheduled(task: Task, blocks: readonly ScheduledBlock[], now: Instant): boolean {
  return blocks.some(
    ({ taskId, startAt }) =>
      taskId === task.taskId && startAt >= now && startAt < now + OBSERVATION_MS,
  );
}

function touches(slot: Slot, block: ScheduledBlock): boolean {
  return block.startAt < slot.endAt && block.endAt > slot.startAt;
}

// The port to the host's tasks and timetable: what is true of them now. Nothing here is an event; the
// kernel asks again before it acts, and what it then decides is.
import type { TargetId, UserId } from '../../domain/core/identity.ts';
import type { Instant } from '../../domain/core/instants.ts';

/** A task as its owner has it now. */
export type Task = {
  readonly userId: UserId;
  readonly taskId: TargetId;
  readonly title: string;
  /** 1 and 2 are important; 3 and 4 are not. */
  readonly priority: 1 | 2 | 3 | 4;
  readonly completed: boolean;
  readonly deadlineAt?: Instant | undefined;
  /** When it becomes urgent; absent, never. */
  readonly urgencyThresholdAt?: Instant | undefined;
  /** How much of a timetable it needs, in sections: 1 to 4. */
  readonly estimatedSections: number;
};

/** A block of somebody's timetable. */
export type ScheduledBlock = {
  readonly userId: UserId;
  readonly blockId: TargetId;
  /** Where it is one of a series: what all of them have in common, up to 64 characters. */
  readonly seriesId?: string | undefined;
  readonly title: string;
  /** The task that it is for, where it is for one. */
  readonly taskId?: TargetId | undefined;
  readonly startAt: Instant;
  readonly endAt: Instant;
  readonly completed: boolean;
};

/** Something was added, changed or taken away (`undefined`). */
export type TaskChange =
  | {
      readonly kind: 'task';
      readonly userId: UserId;
      readonly taskId: TargetId;
      readonly task: Task | undefined;
    }
  | {
      readonly kind: 'block';
      readonly userId: UserId;
      readonly blockId: TargetId;
      readonly block: ScheduledBlock | undefined;
      /** Of a block that was taken away: the task that it was for, where that is known. */
      readonly taskId?: TargetId | undefined;
    };

/** What is true now. Each method may throw when it cannot be known; callers then try again later. */
export type TaskSource = {
  readonly task: (user: UserId, task: TargetId) => Promise<Task | undefined>;
  readonly block: (user: UserId, block: TargetId) => Promise<ScheduledBlock | undefined>;
  /** Blocks that start in `from <= startAt < to`, ascending by start. */
  readonly blocks: (user: UserId, from: Instant, to: Instant) => Promise<readonly ScheduledBlock[]>;
  /** Everything as it is now, then every change, until the signal. */
  readonly changes: (signal: AbortSignal) => AsyncIterable<TaskChange>;
};

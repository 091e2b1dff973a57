// The port to the host's tasks and timetable. They are read again before each decision.
import type { TargetId, UserId } from '../../domain/core/identity.ts';
import type { Instant } from '../../domain/core/instants.ts';

/** A task in its current state. */
export type Task = {
  readonly userId: UserId;
  readonly taskId: TargetId;
  readonly title: string;
  /** 1 and 2 are important; 3 and 4 are not. */
  readonly priority: 1 | 2 | 3 | 4;
  readonly completed: boolean;
  readonly deadlineAt?: Instant | undefined;
  /** When it becomes urgent; absent, it never does. */
  readonly urgencyThresholdAt?: Instant | undefined;
  /** How many sections of the timetable it needs: 1 to 4. */
  readonly estimatedSections: number;
};

/** A block of a user's timetable. */
export type ScheduledBlock = {
  readonly userId: UserId;
  readonly blockId: TargetId;
  /** Of a block of a recurring series: the series' id, up to 64 characters. */
  readonly seriesId?: string | undefined;
  readonly title: string;
  /** The task that the block is for, if any. */
  readonly taskId?: TargetId | undefined;
  readonly startAt: Instant;
  readonly endAt: Instant;
  readonly completed: boolean;
};

/** A task or block was added, changed or removed (`undefined`). */
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
      /** The task of a removed block, where it is known. */
      readonly taskId?: TargetId | undefined;
    };

/** The host's tasks and blocks now. A method throws when they cannot be read; callers retry later. */
export type TaskSource = {
  readonly task: (user: UserId, task: TargetId) => Promise<Task | undefined>;
  readonly block: (user: UserId, block: TargetId) => Promise<ScheduledBlock | undefined>;
  /** Blocks that start in `from <= startAt < to`, ascending by start. */
  readonly blocks: (user: UserId, from: Instant, to: Instant) => Promise<readonly ScheduledBlock[]>;
  /** All tasks and blocks as they are now, then every change, until the signal aborts. */
  readonly changes: (signal: AbortSignal) => AsyncIterable<TaskChange>;
};

// What a due job's events amount to.
import { match } from 'ts-pattern';
import type { Instant } from '../../domain/core/instants.ts';
import type { DueJobEvent, DueJobEventData } from './events.ts';
import type { Subject } from './stream.ts';

/** `pending` and `failed` wait; the others have ended, and may begin again. */
export type DueJobStatus = 'none' | 'pending' | 'failed' | 'triggered' | 'cancelled' | 'skipped';

export type DueJobState = {
  readonly subject: Subject | undefined;
  readonly status: DueJobStatus;
  /** How often the wait began. */
  readonly round: number;
  /** The instant that its owner gave it. */
  readonly triggerAt: Instant | undefined;
  /** When to look at it; absent, not before somebody says so. */
  readonly dueAt: Instant | undefined;
  /** What was last seen of the subject. */
  readonly seen: string | undefined;
  /** What stood in the way when it was skipped. */
  readonly because: DueJobEventData<'DueJobSkipped'>['because'];
  readonly failures: number;
  /** Why it is as it is. */
  readonly code: string | undefined;
  readonly lastTriggerId: string | undefined;
};

export const initialDueJob: DueJobState = {
  subject: undefined,
  status: 'none',
  round: 0,
  triggerAt: undefined,
  dueAt: undefined,
  seen: undefined,
  because: undefined,
  failures: 0,
  code: undefined,
  lastTriggerId: undefined,
};

/** Total: an event that makes no sense here changes as much as it says. */
export function evolveDueJob(before: DueJobState, event: DueJobEvent): DueJobState {
  const { userId, kind, subjectId } = event.data;
  const state = { ...before, subject: { userId, kind, subjectId } };
  const rest = { because: undefined, code: undefined, failures: 0 };
  return match(event)
    .with({ type: 'DueJobScheduled' }, ({ data: { round, triggerAt, seen } }) => ({
      ...state,
      ...rest,
      status: 'pending' as const,
      round,
      triggerAt,
      dueAt: triggerAt,
      seen,
    }))
    .with({ type: 'DueJobRescheduled' }, ({ data: { triggerAt, seen } }) => ({
      ...state,
      ...rest,
      status: 'pending' as const,
      triggerAt,
      dueAt: triggerAt,
      seen,
    }))
    .with({ type: 'DueJobDeferred' }, ({ data: { triggerAt, code, seen } }) => ({
      ...state,
      ...rest,
      status: 'pending' as const,
      triggerAt,
      dueAt: triggerAt,
      code,
      seen,
    }))
    .with({ type: 'DueJobCancelled' }, ({ data: { code, seen } }) => ({
      ...state,
      ...rest,
      status: 'cancelled' as const,
      dueAt: undefined,
      code,
      seen: seen ?? state.seen,
    }))
    .with({ type: 'DueJobSkipped' }, ({ data: { code, seen, because, lookAgainAt } }) => ({
      ...state,
      ...rest,
      status: 'skipped' as const,
      dueAt: lookAgainAt,
      code,
      seen,
      because,
    }))
    .with({ type: 'DueJobTriggered' }, ({ data: { triggerId, seen } }) => ({
      ...state,
      ...rest,
      status: 'triggered' as const,
      dueAt: undefined,
      seen,
      lastTriggerId: triggerId,
    }))
    .with({ type: 'DueJobFailed' }, ({ data: { code, failures, retryAt } }) => ({
      ...state,
      status: 'failed' as const,
      dueAt: retryAt,
      failures,
      code,
    }))
    .exhaustive();
}

/** True while the job waits for its time. */
export function isWaiting(state: DueJobState): boolean {
  return state.status === 'pending' || state.status === 'failed';
}

// The state of a due job, folded from its events.
import { match } from 'ts-pattern';
import type { Instant } from '../../domain/core/instants.ts';
import type { DueJobEvent, DueJobEventData } from './events.ts';
import type { JobSubject } from './stream.ts';

/** `pending` and `failed` jobs wait; the others have ended and may be scheduled again. */
export type DueJobStatus = 'none' | 'pending' | 'failed' | 'triggered' | 'cancelled' | 'skipped';

export type DueJobState = {
  readonly subject: JobSubject | undefined;
  readonly status: DueJobStatus;
  /** How often it was scheduled. */
  readonly round: number;
  /** The instant at which the subject becomes due. */
  readonly triggerAt: Instant | undefined;
  /** When the subject is inspected next; absent, not before it is scheduled again. */
  readonly dueAt: Instant | undefined;
  /** Of the subject's facts as last read. */
  readonly fingerprint: string | undefined;
  /** Why it was skipped. */
  readonly blocker: DueJobEventData<'DueJobSkipped'>['blocker'];
  readonly failures: number;
  /** The reason code of the last event, where it has one. */
  readonly code: string | undefined;
  readonly lastTriggerId: string | undefined;
};

export const initialDueJob: DueJobState = {
  subject: undefined,
  status: 'none',
  round: 0,
  triggerAt: undefined,
  dueAt: undefined,
  fingerprint: undefined,
  blocker: undefined,
  failures: 0,
  code: undefined,
  lastTriggerId: undefined,
};

/** Total: an event that does not fit the state is applied all the same. */
export function evolveDueJob(before: DueJobState, event: DueJobEvent): DueJobState {
  const { userId, kind, subjectId } = event.data;
  const state = { ...before, subject: { userId, kind, subjectId } };
  const rest = { blocker: undefined, code: undefined, failures: 0 };
  return match(event)
    .with({ type: 'DueJobScheduled' }, ({ data: { round, triggerAt, fingerprint } }) => ({
      ...state,
      ...rest,
      status: 'pending' as const,
      round,
      triggerAt,
      dueAt: triggerAt,
      fingerprint,
    }))
    .with({ type: 'DueJobRescheduled' }, ({ data: { triggerAt, fingerprint } }) => ({
      ...state,
      ...rest,
      status: 'pending' as const,
      triggerAt,
      dueAt: triggerAt,
      fingerprint,
    }))
    .with({ type: 'DueJobDeferred' }, ({ data: { triggerAt, code, fingerprint } }) => ({
      ...state,
      ...rest,
      status: 'pending' as const,
      triggerAt,
      dueAt: triggerAt,
      code,
      fingerprint,
    }))
    .with({ type: 'DueJobCancelled' }, ({ data: { code, fingerprint } }) => ({
      ...state,
      ...rest,
      status: 'cancelled' as const,
      dueAt: undefined,
      code,
      fingerprint: fingerprint ?? state.fingerprint,
    }))
    .with(
      { type: 'DueJobSkipped' },
      ({ data: { code, fingerprint, blocker, inspectAgainAt } }) => ({
        ...state,
        ...rest,
        status: 'skipped' as const,
        dueAt: inspectAgainAt,
        code,
        fingerprint,
        blocker,
      }),
    )
    .with({ type: 'DueJobTriggered' }, ({ data: { triggerId, fingerprint } }) => ({
      ...state,
      ...rest,
      status: 'triggered' as const,
      dueAt: undefined,
      fingerprint,
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

/** True while the job waits for its instant or its retry. */
export function isWaiting(state: DueJobState): boolean {
  return state.status === 'pending' || state.status === 'failed';
}

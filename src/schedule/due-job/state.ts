// The state of a due job, folded from its events.
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
  const next = { ...state, dueAt: undefined, blocker: undefined, code: undefined, failures: 0 };
  switch (event.type) {
    case 'DueJobScheduled':
    case 'DueJobRescheduled':
    case 'DueJobDeferred': {
      const { triggerAt, fingerprint } = event.data;
      const round = event.type === 'DueJobScheduled' ? event.data.round : state.round;
      const code = event.type === 'DueJobDeferred' ? event.data.code : undefined;
      return { ...next, status: 'pending', round, triggerAt, dueAt: triggerAt, code, fingerprint };
    }
    case 'DueJobCancelled': {
      const { code, fingerprint = state.fingerprint } = event.data;
      return { ...next, status: 'cancelled', code, fingerprint };
    }
    case 'DueJobSkipped': {
      const { code, fingerprint, blocker, inspectAgainAt: dueAt } = event.data;
      return { ...next, status: 'skipped', dueAt, code, fingerprint, blocker };
    }
    case 'DueJobTriggered': {
      const { triggerId: lastTriggerId, fingerprint } = event.data;
      return { ...next, status: 'triggered', fingerprint, lastTriggerId };
    }
    case 'DueJobFailed': {
      const { code, failures, retryAt: dueAt } = event.data;
      return { ...state, status: 'failed', dueAt, failures, code };
    }
  }
}

/** True while the job waits for its instant or its retry. */
export function isWaiting(state: DueJobState): boolean {
  return state.status === 'pending' || state.status === 'failed';
}

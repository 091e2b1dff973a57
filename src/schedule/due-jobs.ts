// Executes commands on due jobs.
import { dueJobCodec, type DueJobEvent } from './due-job/events.ts';
import type { CancelDueJob, JobUpdate, RecordInspection } from './due-job/commands.ts';
import {
  decideCancel,
  decideBlockerChanged,
  decideInspected,
  decidePlan,
} from './due-job/decide.ts';
import { evolveDueJob, initialDueJob, type DueJobState } from './due-job/state.ts';
import { dueJobStream, type JobSubject } from './due-job/stream.ts';
import type { Instant } from '../domain/core/instants.ts';
import { ok, valueOf } from '../domain/core/result.ts';
import {
  decider,
  type Decide,
  type KernelContext,
  type Loaded,
} from '../kernel/decider/decider.ts';

export const dueJobDecider = decider<DueJobState, DueJobEvent>({
  codec: dueJobCodec,
  initial: initialDueJob,
  evolve: evolveDueJob,
  unwritable: {
    code: 'job_unwritable',
    hint: 'Check the event store. The scanner and the follower try again.',
  },
});

/** What commands on due jobs need. */
export type DueJobContext = KernelContext & {
  /** Who acts, for the record. */
  readonly actor: string;
};

export type DueJobChange = 'scheduled' | 'rescheduled' | 'cancelled' | 'inspected' | 'unchanged';

/** Adapts a job to a change of its subject or of its blocker. */
export function updateDueJob(context: DueJobContext, update: JobUpdate): Promise<DueJobChange> {
  return change(context, update.subject, (state, stream) =>
    update.kind === 'plan'
      ? decidePlan(state, update, stream)
      : decideBlockerChanged(state, update, stream),
  );
}

/** Cancels a job. @throws TocsinError as {@link updateDueJob} */
export function cancelDueJob(context: DueJobContext, cancel: CancelDueJob): Promise<DueJobChange> {
  return change(context, cancel.subject, (state, stream) => decideCancel(state, cancel, stream));
}

/** Records the result of an inspection; `loaded` is the job before the inspection. */
export function recordInspection(
  context: DueJobContext,
  subject: JobSubject,
  inspection: RecordInspection,
  loaded: Loaded<DueJobState>,
): Promise<DueJobChange> {
  return change(
    context,
    subject,
    (state, stream, now) => decideInspected(state, inspection, { stream, now }),
    loaded,
  );
}

const CHANGES: Readonly<Record<DueJobEvent['type'], DueJobChange>> = {
  DueJobScheduled: 'scheduled',
  DueJobRescheduled: 'rescheduled',
  DueJobCancelled: 'cancelled',
  DueJobDeferred: 'inspected',
  DueJobSkipped: 'inspected',
  DueJobTriggered: 'inspected',
  DueJobFailed: 'inspected',
};

async function change(
  context: DueJobContext,
  subject: JobSubject,
  decide: (state: DueJobState, stream: string, now: Instant) => readonly DueJobEvent[],
  loaded?: Loaded<DueJobState>,
): Promise<DueJobChange> {
  const { kernel, actor } = context;
  const stream = dueJobStream(kernel, subject);
  const answered: Decide<DueJobState, DueJobEvent, DueJobChange, never> = (state, at) => {
    const events = decide(state, stream, at.recordedAt);
    const [first] = events;
    return ok({ events, answer: first === undefined ? 'unchanged' : CHANGES[first.type] });
  };
  const call = { actor, loaded };
  return valueOf(await dueJobDecider.transactOrThrow(context, stream, answered, call)).answer;
}

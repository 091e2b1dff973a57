// Commands on due jobs: from a decision to the job's stream.
import { dueJobCodec, type DueJobEvent } from './due-job/events.ts';
import type { CancelDueJob, Recheck, SettleDueJob, Watch } from './due-job/commands.ts';
import { decideCancel, decideRecheck, decideSettle, decideWatch } from './due-job/decide.ts';
import { evolveDueJob, initialDueJob, type DueJobState } from './due-job/state.ts';
import { dueJobStream, type Subject } from './due-job/stream.ts';
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

/** What a command has changed; nothing, where everything was so already. */
export type DueJobChange = 'scheduled' | 'rescheduled' | 'cancelled' | 'settled' | 'unchanged';

/**
 * Tells a job what was seen of its subject, or of what stood in its way.
 *
 * @throws TocsinError `unavailable` when the store gives no answer or refuses
 */
export function watchSubject(context: DueJobContext, seen: Watch | Recheck): Promise<DueJobChange> {
  return change(context, seen.subject, (state, stream) =>
    seen.kind === 'watch' ? decideWatch(state, seen, stream) : decideRecheck(state, seen, stream),
  );
}

/** Calls a job off. @throws TocsinError as {@link watchSubject} */
export function cancelDueJob(context: DueJobContext, cancel: CancelDueJob): Promise<DueJobChange> {
  return change(context, cancel.subject, (state, stream) => decideCancel(state, cancel, stream));
}

/**
 * Records what looking has found.
 *
 * @param loaded the job as it was when the look began
 * @throws TocsinError as {@link watchSubject}
 */
export function settleDueJob(
  context: DueJobContext,
  subject: Subject,
  settle: SettleDueJob,
  loaded: Loaded<DueJobState>,
): Promise<DueJobChange> {
  return change(
    context,
    subject,
    (state, stream, now) => decideSettle(state, settle, { stream, now }),
    loaded,
  );
}

const CHANGES: Readonly<Record<DueJobEvent['type'], DueJobChange>> = {
  DueJobScheduled: 'scheduled',
  DueJobRescheduled: 'rescheduled',
  DueJobCancelled: 'cancelled',
  DueJobDeferred: 'settled',
  DueJobSkipped: 'settled',
  DueJobTriggered: 'settled',
  DueJobFailed: 'settled',
};

async function change(
  context: DueJobContext,
  subject: Subject,
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

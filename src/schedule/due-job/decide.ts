// The due job's decisions. Pure; a repeated command returns no events.
import { match } from 'ts-pattern';
import { backoffCeilingMs, type Backoff } from '../../domain/core/backoff.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { CancelDueJob, BlockerChanged, RecordInspection, PlanInspection } from './commands.ts';
import type { DueJobEvent } from './events.ts';
import { isWaiting, type DueJobState } from './state.ts';
import { dueJobId, type JobSubject } from './stream.ts';

/** A job is retried for ever, so its retries must become rare. */
const RETRY: Backoff = { firstMs: 5_000, longestMs: 30 * 60_000 };

export function decidePlan(
  state: DueJobState,
  plan: PlanInspection,
  stream: string,
): readonly DueJobEvent[] {
  const about = aboutOf(plan.subject, stream);
  const { fingerprint } = plan;
  if (plan.at === undefined) {
    const ends = isWaiting(state) || (state.status === 'skipped' && state.dueAt !== undefined);
    const data = { ...about, code: plan.code, fingerprint };
    return ends ? [{ type: 'DueJobCancelled', data }] : [];
  }
  const triggerAt = plan.at;
  const schedule = (): readonly DueJobEvent[] => [
    { type: 'DueJobScheduled', data: { ...about, round: state.round + 1, triggerAt, fingerprint } },
  ];
  const reschedule = (): readonly DueJobEvent[] => [
    { type: 'DueJobRescheduled', data: { ...about, triggerAt, fingerprint } },
  ];
  return match(state.status)
    .with('none', schedule)
    .with('pending', () => (triggerAt === state.triggerAt ? [] : reschedule()))
    .with('failed', () =>
      triggerAt === state.triggerAt && fingerprint === state.fingerprint ? [] : reschedule(),
    )
    .with('triggered', () => (triggerAt === state.triggerAt ? [] : schedule()))
    .with('cancelled', 'skipped', () => (fingerprint === state.fingerprint ? [] : schedule()))
    .exhaustive();
}

/** Schedules a job again that was skipped because of this blocker. */
export function decideBlockerChanged(
  state: DueJobState,
  changed: BlockerChanged,
  stream: string,
): readonly DueJobEvent[] {
  const { blocker, triggerAt, fingerprint } = state;
  const isBlocker = state.status === 'skipped' && blocker?.id === changed.blockerId;
  if (!isBlocker || blocker.fingerprint === changed.fingerprint) return [];
  if (triggerAt === undefined || fingerprint === undefined) return [];
  const data = {
    ...aboutOf(changed.subject, stream),
    round: state.round + 1,
    triggerAt,
    fingerprint,
  };
  return [{ type: 'DueJobScheduled', data }];
}

export function decideCancel(
  state: DueJobState,
  { subject, code, detail }: CancelDueJob,
  stream: string,
): readonly DueJobEvent[] {
  if (!isWaiting(state) && state.dueAt === undefined) return [];
  return [{ type: 'DueJobCancelled', data: { ...aboutOf(subject, stream), code, detail } }];
}

/** Records an inspection. Of several at the same time the first one counts. */
export function decideInspected(
  state: DueJobState,
  command: RecordInspection,
  { stream, now }: { readonly stream: string; readonly now: Instant },
): readonly DueJobEvent[] {
  const { result, round, triggerAt } = command;
  const { subject, dueAt } = state;
  const isSame = state.round === round && state.triggerAt === triggerAt;
  if (!isSame || subject === undefined || dueAt === undefined || dueAt > now) return [];
  const about = aboutOf(subject, stream);
  const event = match(result)
    .returnType<DueJobEvent>()
    .with({ kind: 'defer' }, ({ code, until, fingerprint }) => ({
      type: 'DueJobDeferred',
      data: { ...about, triggerAt: until, code, fingerprint },
    }))
    .with({ kind: 'cancel' }, ({ code, fingerprint }) => ({
      type: 'DueJobCancelled',
      data: { ...about, code, fingerprint },
    }))
    .with({ kind: 'skip' }, ({ code, detail, fingerprint, blocker, inspectAgainAt }) => ({
      type: 'DueJobSkipped',
      data: { ...about, code, detail, fingerprint, blocker, inspectAgainAt },
    }))
    .with({ kind: 'triggered' }, ({ triggerId, duplicate, fingerprint }) => ({
      type: 'DueJobTriggered',
      data: { ...about, triggerId, duplicate, fingerprint },
    }))
    .with({ kind: 'fail' }, ({ code, detail }) => {
      const failures = state.failures + 1;
      const retryAt = now + retryMs(failures, command.random);
      return { type: 'DueJobFailed', data: { ...about, code, detail, failures, retryAt } };
    })
    .exhaustive();
  return [event];
}

/** Milliseconds until the next try: doubles from 5 s to 30 min, with jitter over the second half. */
export function retryMs(failures: number, random: number): number {
  return Math.ceil(backoffCeilingMs(failures - 1, RETRY) * (0.5 + random / 2));
}

/** The idempotency key of a job's trigger: one per round and instant, the same in every retry. */
export function dueJobKey(jobId: string, round: number, triggerAt: Instant): string {
  return `${jobId}:${round}:${triggerAt}`;
}

function aboutOf({ userId, kind, subjectId }: JobSubject, stream: string) {
  return { jobId: dueJobId(stream), userId, kind, subjectId };
}

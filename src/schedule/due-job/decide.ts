// The due job's decisions. Pure: time and chance are arguments. An empty list means that nothing is
// written; so whoever repeats a command changes nothing.
import { match } from 'ts-pattern';
import type { Instant } from '../../domain/core/instants.ts';
import type { CancelDueJob, Recheck, SettleDueJob, Watch } from './commands.ts';
import type { DueJobEvent } from './events.ts';
import { isWaiting, type DueJobState } from './state.ts';
import { dueJobId, type Subject } from './stream.ts';

const FIRST_RETRY_MS = 5_000;
/** A job is never given up (W15), so its retries must become rare. */
const LONGEST_RETRY_MS = 30 * 60_000;

/** The subject was added or changed: schedule, reschedule, cancel, or leave it. */
export function decideWatch(
  state: DueJobState,
  watch: Watch,
  stream: string,
): readonly DueJobEvent[] {
  const about = aboutOf(watch.subject, stream);
  const { seen } = watch;
  if (watch.at === undefined) {
    const ends = isWaiting(state) || (state.status === 'skipped' && state.dueAt !== undefined);
    const data = { ...about, code: watch.code, seen };
    return ends ? [{ type: 'DueJobCancelled', data }] : [];
  }
  const triggerAt = watch.at;
  const schedule = (): readonly DueJobEvent[] => [
    { type: 'DueJobScheduled', data: { ...about, round: state.round + 1, triggerAt, seen } },
  ];
  const reschedule = (): readonly DueJobEvent[] => [
    { type: 'DueJobRescheduled', data: { ...about, triggerAt, seen } },
  ];
  return match(state.status)
    .with('none', schedule)
    .with('pending', () => (triggerAt === state.triggerAt ? [] : reschedule()))
    .with('failed', () =>
      triggerAt === state.triggerAt && seen === state.seen ? [] : reschedule(),
    )
    .with('triggered', () => (triggerAt === state.triggerAt ? [] : schedule()))
    .with('cancelled', 'skipped', () => (seen === state.seen ? [] : schedule()))
    .exhaustive();
}

/** What stood in its way has changed: a job that was skipped for it is looked at again (W15). */
export function decideRecheck(
  state: DueJobState,
  recheck: Recheck,
  stream: string,
): readonly DueJobEvent[] {
  const { because, triggerAt, seen } = state;
  const isInWay = state.status === 'skipped' && because?.what === recheck.what;
  if (!isInWay || because.seen === recheck.seen) return [];
  if (triggerAt === undefined || seen === undefined) return [];
  const data = { ...aboutOf(recheck.subject, stream), round: state.round + 1, triggerAt, seen };
  return [{ type: 'DueJobScheduled', data }];
}

/** Somebody calls it off. */
export function decideCancel(
  state: DueJobState,
  { subject, code, detail }: CancelDueJob,
  stream: string,
): readonly DueJobEvent[] {
  if (!isWaiting(state) && state.dueAt === undefined) return [];
  return [{ type: 'DueJobCancelled', data: { ...aboutOf(subject, stream), code, detail } }];
}

/** The job was looked at. Of several that looked at once the first one's finding stands. */
export function decideSettle(
  state: DueJobState,
  command: SettleDueJob,
  { stream, now }: { readonly stream: string; readonly now: Instant },
): readonly DueJobEvent[] {
  const { finding, round, triggerAt } = command;
  const { subject, dueAt } = state;
  const isSame = state.round === round && state.triggerAt === triggerAt;
  if (!isSame || subject === undefined || dueAt === undefined || dueAt > now) return [];
  const about = aboutOf(subject, stream);
  const event = match(finding)
    .returnType<DueJobEvent>()
    .with({ kind: 'defer' }, ({ code, until, seen }) => ({
      type: 'DueJobDeferred',
      data: { ...about, triggerAt: until, code, seen },
    }))
    .with({ kind: 'cancel' }, ({ code, seen }) => ({
      type: 'DueJobCancelled',
      data: { ...about, code, seen },
    }))
    .with({ kind: 'skip' }, ({ code, detail, seen, because, lookAgainAt }) => ({
      type: 'DueJobSkipped',
      data: { ...about, code, detail, seen, because, lookAgainAt },
    }))
    .with({ kind: 'triggered' }, ({ triggerId, duplicate, seen }) => ({
      type: 'DueJobTriggered',
      data: { ...about, triggerId, duplicate, seen },
    }))
    .with({ kind: 'fail' }, ({ code, detail }) => {
      const failures = state.failures + 1;
      const retryAt = now + retryMs(failures, command.random);
      return { type: 'DueJobFailed', data: { ...about, code, detail, failures, retryAt } };
    })
    .exhaustive();
  return [event];
}

/** Doubling from 5 s to 30 min; the later half of each step is chance. */
export function retryMs(failures: number, random: number): number {
  const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 16));
  return Math.ceil(ceiling * (0.5 + random / 2));
}

/** The key under which a job's trigger is raised: once per round and instant, however often it is tried. */
export function dueJobKey(jobId: string, round: number, triggerAt: Instant): string {
  return `${jobId}:${round}:${triggerAt}`;
}

function aboutOf({ userId, kind, subjectId }: Subject, stream: string) {
  return { jobId: dueJobId(stream), userId, kind, subjectId };
}

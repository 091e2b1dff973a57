// Which stream a due job has, and the id that goes with it.
import { categoryPrefix, userStream } from '../../domain/core/ids.ts';
import type { TargetId, UserId } from '../../domain/core/identity.ts';
import { joinKey } from '../../domain/core/keys.ts';

/** What a due job is about: one thing of one user, of one kind (`task`, `block`). */
export type Subject = {
  readonly userId: UserId;
  readonly kind: string;
  readonly subjectId: TargetId;
};

/** `{kernel}.duejob-{pp}-{uuid}`: one stream per user, kind and subject, for ever. */
export function dueJobStream(kernel: string, subject: Subject): string {
  const { userId, kind, subjectId } = subject;
  return userStream(kernel, 'duejob', userId, joinKey(userId, kind, subjectId));
}

/** `asj_{pp}{32 hex of the stream's uuid}`: it can be computed, and is never a capability. */
export function dueJobId(stream: string): string {
  const match = /-([0-9a-f]{2})-([0-9a-f-]{36})$/.exec(stream);
  if (match === null) throw new RangeError(`not a user's stream: ${stream}`);
  return `asj_${match[1] ?? ''}${(match[2] ?? '').replaceAll('-', '')}`;
}

/** The stream that a job's id leads to, or `undefined` for anything else. */
export function parseDueJobId(kernel: string, jobId: string): string | undefined {
  const match =
    /^asj_([0-9a-f]{2})([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/.exec(
      jobId,
    );
  if (match === null) return undefined;
  const [, share, ...parts] = match;
  return `${categoryPrefix(kernel, 'duejob')}${share ?? ''}-${parts.join('-')}`;
}

const MAX_TRACE_ID = 64;

/** The seed's trace ids: by user and task where that fits, else by the job. */
export function dueJobTraceId(subject: Subject, jobId: string): string {
  const readable = `trace_active_${subject.kind}_${subject.userId}_${subject.subjectId}`;
  return readable.length <= MAX_TRACE_ID ? readable : `trace_active_job_${jobId}`;
}

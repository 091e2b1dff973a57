// The stream name and the id of a due job.
import { categoryPrefix, userStream } from '../../domain/core/ids.ts';
import type { TargetId, UserId } from '../../domain/core/identity.ts';
import { joinKey } from '../../domain/core/keys.ts';

/** What a due job inspects: one item of a user, of a kind such as `task` or `block`. */
export type JobSubject = {
  readonly userId: UserId;
  readonly kind: string;
  readonly subjectId: TargetId;
};

/** `{kernel}.duejob-{pp}-{uuid}`: one stream per user, kind and subject. */
export function dueJobStream(kernel: string, subject: JobSubject): string {
  const { userId, kind, subjectId } = subject;
  return userStream(kernel, 'duejob', userId, joinKey(userId, kind, subjectId));
}

/** `asj_{pp}{32 hex of the stream's uuid}`. Anybody can compute it, so it grants no access. */
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

/** The trace id: by user and subject where that fits into 64 characters, else by job. */
export function dueJobTraceId(subject: JobSubject, jobId: string): string {
  const readable = `trace_active_${subject.kind}_${subject.userId}_${subject.subjectId}`;
  return readable.length <= MAX_TRACE_ID ? readable : `trace_active_job_${jobId}`;
}

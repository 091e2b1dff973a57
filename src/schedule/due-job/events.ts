// What can have happened to a due job: something of a user's that will have to be looked at when its
// time comes. The log is the history; nothing is overwritten (W14).
import { z } from 'zod';
import { createCodec, type EventOf } from '../../domain/core/codec.ts';
import { InstantCodec, textUpTo } from '../../domain/core/envelope.ts';
import { StoredIdSchema } from '../../domain/core/identity.ts';

/** What a detector looks at: part of its jobs' identity. */
export const SubjectKindSchema = z
  .string()
  .regex(/^[a-z0-9_]{1,32}$/, { error: 'must be 1 to 32 characters of a-z 0-9 _' });

/** Stable codes in snake_case: why something happened. */
export const JobCodeSchema = z
  .string()
  .regex(/^[a-z0-9_]{1,64}$/, { error: 'must be 1 to 64 characters of a-z 0-9 _' });

const about = {
  jobId: textUpTo(64),
  userId: StoredIdSchema,
  kind: SubjectKindSchema,
  subjectId: StoredIdSchema,
};

/** What was known of the subject, as a fingerprint: the same facts have the same one. */
const Seen = textUpTo(64);

/** A job's wait begins, or begins again after it had ended. */
const DueJobScheduled = {
  type: 'DueJobScheduled',
  version: 1,
  schema: z.object({
    ...about,
    /** Counts how often the wait began, from 1. */
    round: z.int().min(1),
    triggerAt: InstantCodec,
    seen: Seen,
  }),
} as const;

/** The instant of a job that waits was changed by its owner. */
const DueJobRescheduled = {
  type: 'DueJobRescheduled',
  version: 1,
  schema: z.object({ ...about, triggerAt: InstantCodec, seen: Seen }),
} as const;

/** When its time had come it turned out that it will come later. */
const DueJobDeferred = {
  type: 'DueJobDeferred',
  version: 1,
  schema: z.object({ ...about, triggerAt: InstantCodec, code: JobCodeSchema, seen: Seen }),
} as const;

const DueJobCancelled = {
  type: 'DueJobCancelled',
  version: 1,
  schema: z.object({
    ...about,
    code: JobCodeSchema,
    detail: textUpTo(256).optional(),
    /** Absent: nobody looked at the subject; what was seen before still counts. */
    seen: Seen.optional(),
  }),
} as const;

/** Its time had come, and there was nothing to raise. */
const DueJobSkipped = {
  type: 'DueJobSkipped',
  version: 1,
  schema: z.object({
    ...about,
    code: JobCodeSchema,
    detail: textUpTo(256).optional(),
    seen: Seen,
    /** What stood in the way, and how it looked then; a change of that is worth another look. */
    because: z.object({ what: textUpTo(128), seen: Seen }).optional(),
    /** When to look again in any case. */
    lookAgainAt: InstantCodec.optional(),
  }),
} as const;

const DueJobTriggered = {
  type: 'DueJobTriggered',
  version: 1,
  schema: z.object({
    ...about,
    triggerId: textUpTo(128),
    /** True when the trigger was there already. */
    duplicate: z.boolean(),
    seen: Seen,
  }),
} as const;

/** It could not be looked at, or not be raised; it is tried again. */
const DueJobFailed = {
  type: 'DueJobFailed',
  version: 1,
  schema: z.object({
    ...about,
    code: JobCodeSchema,
    detail: textUpTo(256).optional(),
    /** Failures in a row, this one included. */
    failures: z.int().min(1),
    retryAt: InstantCodec,
  }),
} as const;

/** Every event type of the due jobs. */
export const DUE_JOB_EVENTS = [
  DueJobScheduled,
  DueJobRescheduled,
  DueJobDeferred,
  DueJobCancelled,
  DueJobSkipped,
  DueJobTriggered,
  DueJobFailed,
] as const;

export type DueJobEvent = EventOf<(typeof DUE_JOB_EVENTS)[number]>;

/** The data of one of the job's event types. */
export type DueJobEventData<T extends DueJobEvent['type']> = Extract<
  DueJobEvent,
  { type: T }
>['data'];

export const dueJobCodec = createCodec(DUE_JOB_EVENTS);

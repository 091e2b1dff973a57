// The events of a due job: an item of a user, such as a task, that is inspected when it is due.
import { z } from 'zod';
import { createCodec, type EventData, type EventOf } from '../../domain/core/codec.ts';
import { InstantCodec, textUpTo } from '../../domain/core/envelope.ts';
import { StoredIdSchema } from '../../domain/core/identity.ts';

/** The kind of a detector's subjects; part of the job's identity. */
export const SubjectKindSchema = z
  .string()
  .regex(/^[a-z0-9_]{1,32}$/, { error: 'must be 1 to 32 characters of a-z 0-9 _' });

/** Stable reason codes in snake_case. */
export const JobCodeSchema = z
  .string()
  .regex(/^[a-z0-9_]{1,64}$/, { error: 'must be 1 to 64 characters of a-z 0-9 _' });

const about = {
  jobId: textUpTo(64),
  userId: StoredIdSchema,
  kind: SubjectKindSchema,
  subjectId: StoredIdSchema,
};

/** Hash of the subject's facts: equal facts have the same one. */
const Fingerprint = textUpTo(64);

export const DUE_JOB_EVENTS = {
  /** The job waits for an instant, for the first time or again. */
  DueJobScheduled: z.object({
    ...about,
    /** Counts these events of the job, from 1. */
    round: z.int().min(1),
    triggerAt: InstantCodec,
    fingerprint: Fingerprint,
  }),
  /** The subject's owner changed the instant of a waiting job. */
  DueJobRescheduled: z.object({ ...about, triggerAt: InstantCodec, fingerprint: Fingerprint }),
  DueJobDeferred: z.object({
    ...about,
    triggerAt: InstantCodec,
    code: JobCodeSchema,
    fingerprint: Fingerprint,
  }),
  DueJobCancelled: z.object({
    ...about,
    code: JobCodeSchema,
    detail: textUpTo(256).optional(),
    /** Absent where the subject was not read; the former fingerprint still counts. */
    fingerprint: Fingerprint.optional(),
  }),
  DueJobSkipped: z.object({
    ...about,
    code: JobCodeSchema,
    detail: textUpTo(256).optional(),
    fingerprint: Fingerprint,
    /** Why it was skipped; a change of the blocker causes another inspection. */
    blocker: z.object({ id: textUpTo(128), fingerprint: Fingerprint }).optional(),
    /** When the subject is inspected again in any case. */
    inspectAgainAt: InstantCodec.optional(),
  }),
  DueJobTriggered: z.object({
    ...about,
    triggerId: textUpTo(128),
    /** True when the trigger existed already. */
    duplicate: z.boolean(),
    fingerprint: Fingerprint,
  }),
  DueJobFailed: z.object({
    ...about,
    code: JobCodeSchema,
    detail: textUpTo(256).optional(),
    /** Failures in a row, this one included. */
    failures: z.int().min(1),
    retryAt: InstantCodec,
  }),
};

export type DueJobEvent = EventOf<typeof DUE_JOB_EVENTS>;

export type DueJobEventData<T extends DueJobEvent['type']> = EventData<DueJobEvent, T>;

export const dueJobCodec = createCodec(DUE_JOB_EVENTS);

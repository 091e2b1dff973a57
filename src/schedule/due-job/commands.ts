// The commands of a due job.
import type { Instant } from '../../domain/core/instants.ts';
import type { JobSubject } from './stream.ts';

/** Sets when the subject is inspected, or says why it is not. */
export type PlanInspection = {
  readonly kind: 'plan';
  readonly subject: JobSubject;
  /** Hash of the subject's facts, up to 64 characters: equal facts have the same one. */
  readonly fingerprint: string;
} & ({ readonly at: Instant } | { readonly at: undefined; readonly code: string });

/** Something that may have made a job be skipped has changed, or is gone. */
export type BlockerChanged = {
  readonly kind: 'blocker_changed';
  readonly subject: JobSubject;
  readonly blockerId: string;
  /** Of the blocker's facts now; absent, it is gone. */
  readonly fingerprint: string | undefined;
};

export type JobUpdate = PlanInspection | BlockerChanged;

export type CancelDueJob = {
  readonly subject: JobSubject;
  readonly code: string;
  readonly detail?: string | undefined;
};

/** The result of inspecting a due subject, other than a trigger. */
export type InspectionResult =
  | {
      readonly kind: 'defer';
      readonly code: string;
      readonly until: Instant;
      readonly fingerprint: string;
    }
  | { readonly kind: 'cancel'; readonly code: string; readonly fingerprint: string }
  | {
      readonly kind: 'skip';
      readonly code: string;
      readonly detail?: string | undefined;
      readonly fingerprint: string;
      /** Why it was skipped; when the blocker changes, the subject is inspected again. */
      readonly blocker?: { readonly id: string; readonly fingerprint: string } | undefined;
      readonly inspectAgainAt?: Instant | undefined;
    }
  /** The inspection failed; it is repeated with backoff. */
  | { readonly kind: 'fail'; readonly code: string; readonly detail?: string | undefined };

/** A trigger was raised, or existed already. */
export type Triggered = {
  readonly kind: 'triggered';
  readonly triggerId: string;
  readonly duplicate: boolean;
  readonly fingerprint: string;
};

/** Records an inspection of the job as it was when the inspection began. */
export type RecordInspection = {
  /** The inspected round and instant; a job that has others by now ignores the result. */
  readonly round: number;
  readonly triggerAt: Instant;
  readonly result: InspectionResult | Triggered;
  /** 0 <= x < 1, for the jitter of a retry. */
  readonly random: number;
};

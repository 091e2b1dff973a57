// The port of detectors, which turn facts of the host into triggers.
import type { Instant } from '../../domain/core/instants.ts';
import type { Json } from '../../domain/core/json.ts';
import type { InspectionResult, JobUpdate } from '../due-job/commands.ts';
import type { TARGET_TYPES } from '../tasks/vocabulary.ts';
import type { JobSubject } from '../due-job/stream.ts';
import type { TaskChange, TaskSource } from '../tasks/task-source.ts';
import { oneLine } from '../../domain/core/text.ts';

/** A trigger to raise. The scanner adds its source, user and idempotency key. */
export type DetectedTrigger = {
  readonly triggerType: string;
  readonly targetType: (typeof TARGET_TYPES)[number];
  readonly targetId: string;
  readonly feedbackId?: string | undefined;
  readonly payload?: Json | undefined;
};

/** The result of inspecting a due subject. */
export type Inspection =
  | InspectionResult
  | { readonly kind: 'raise'; readonly trigger: DetectedTrigger; readonly fingerprint: string };

/** What a detector needs to inspect a subject. */
export type InspectionContext = {
  readonly source: TaskSource;
  readonly now: Instant;
  readonly jobId: string;
  /** The instant that the job has waited for. */
  readonly triggerAt: Instant;
};

export type Detector = {
  /** The kind of its subjects, `[a-z0-9_]{1,32}`, unique in a scanner; part of its jobs' stream names. */
  readonly kind: string;
  /** Pure: how a change of a task or block affects the jobs of this kind. */
  readonly plan: (change: TaskChange) => JobUpdate | undefined;
  /**
   * Reads the subject's current facts and decides. It returns the same for the same facts, instant and
   * job: two scanners may inspect at once, and an inspection is repeated after a crash.
   */
  readonly inspect: (subject: JobSubject, context: InspectionContext) => Promise<Inspection>;
};

/** An error's message as an event may store it. */
export function errorDetail(error: unknown): string | undefined {
  const message = oneLine(error instanceof Error ? error.message : String(error));
  return message === '' ? undefined : message;
}

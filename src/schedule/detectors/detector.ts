// The port that closes the gap from "something happened" to the message: host facts in, requests to
// raise out. When something is to be looked at is kept by due jobs, so no wait is ever lost.
import type { Instant } from '../../domain/core/instants.ts';
import type { Json } from '../../domain/core/json.ts';
import type { Finding, Recheck, Watch } from '../due-job/commands.ts';
import type { TARGET_TYPES } from '../../domain/core/vocabulary.ts';
import type { Subject } from '../due-job/stream.ts';
import type { TaskChange, TaskSource } from '../tasks/task-source.ts';

/** What a detector wants raised. Who asks, for whom, and under which key, the scanner adds. */
export type DetectedTrigger = {
  readonly triggerType: string;
  readonly targetType: (typeof TARGET_TYPES)[number];
  readonly targetId: string;
  readonly feedbackId?: string | undefined;
  readonly payload?: Json | undefined;
};

/** What a look at a due subject leads to. */
export type Look =
  Finding | { readonly kind: 'raise'; readonly trigger: DetectedTrigger; readonly seen: string };

/** What a detector looks with. */
export type LookContext = {
  readonly source: TaskSource;
  readonly now: Instant;
  readonly jobId: string;
  /** The instant that the job waited for. */
  readonly triggerAt: Instant;
};

export type Detector = {
  /** What it looks at, `[a-z0-9_]{1,32}`, once per scanner; part of its jobs' identity, so for ever. */
  readonly kind: string;
  /** Pure: what a change means for the jobs of this kind. */
  readonly watch: (change: TaskChange) => Watch | Recheck | undefined;
  /**
   * Reads the truth again and says what to do. For the same truth, instant and job it says the same:
   * two scanners may look at once, and one that was killed looks again.
   */
  readonly look: (subject: Subject, context: LookContext) => Promise<Look>;
};

// The port to the host's timetable: writing what somebody said yes to.
import type { TargetId, UserId } from '../core/identity.ts';
import type { Json } from '../core/json.ts';
import type { Change } from '../preview/candidates.ts';

/** What is to be applied. */
export type ApplyRequest = {
  /** The same over all attempts: whoever gets it again answers what it answered before. */
  readonly applyId: string;
  readonly previewId: string;
  readonly triggerId: string;
  readonly userId: UserId;
  readonly triggerType: string;
  readonly targetType: string;
  readonly targetId: TargetId;
  readonly candidateId: string;
  /** The candidate's changes, as edited by whoever confirmed. */
  readonly changes: readonly Change[];
  /** What the candidates stood on; refuse with `base_version_changed` when that is not so any more. */
  readonly baseVersion?: string | undefined;
  /** What else the evaluator froze. */
  readonly snapshot?: Json | undefined;
};

/** What became of it. */
export type ApplyOutcome =
  /** All of it is written. */
  | { readonly outcome: 'applied'; readonly eventIds: readonly (string | number)[] }
  /** Nothing of it is: a stable code in snake_case, and a detail for people without secrets. */
  | { readonly outcome: 'refused'; readonly code: string; readonly detail?: string };

/**
 * Writes all changes, or none: in one transaction, with the base version compared and every target slot
 * found free inside it. Repeats of one `applyId` have one effect. Throwing says that nothing was written.
 */
export type ApplyPreview = (request: ApplyRequest, signal: AbortSignal) => Promise<ApplyOutcome>;

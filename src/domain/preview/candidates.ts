// What a preview proposes: candidates, each with the changes that it would make to a timetable. Times
// are instants; what a section or a lesson is, the evaluator and the host's own apply know.
import { z } from 'zod';
import { InstantCodec, textUpTo } from '../core/envelope.ts';
import { StoredIdSchema } from '../core/identity.ts';
import type { Instant } from '../core/instants.ts';
import { err, ok, type Result } from '../core/result.ts';

/** A preview shows at most so many. */
export const MAX_CANDIDATES = 3;

/** Changes of one candidate. */
export const MAX_CHANGES = 64;

const Code = z.string().regex(/^[a-z0-9_]{1,64}$/);

/** One entry of a timetable that a candidate would add or move. */
export const ChangeSchema = z.object({
  /** `{candidate id}:chg_{n}`, n from 1. */
  changeId: textUpTo(280),
  type: Code,
  targetType: Code,
  targetId: StoredIdSchema,
  startAt: InstantCodec,
  endAt: InstantCodec,
  /** Whoever confirms may move it; its length stays. */
  editable: z.boolean(),
});

export type Change = z.output<typeof ChangeSchema>;

export const CandidateSchema = z.object({
  candidateId: textUpTo(256),
  type: Code,
  score: z.number(),
  /** What it would do, for a person. */
  summary: z.string().max(1000).optional(),
  changes: z.array(ChangeSchema).max(MAX_CHANGES),
});

export type Candidate = z.output<typeof CandidateSchema>;

/** A change as whoever confirms would rather have it. */
export type EditedChange = {
  readonly changeId: string;
  readonly startAt: Instant;
  readonly endAt: Instant;
  /** Where given, these must be the candidate's own. */
  readonly type?: string | undefined;
  readonly targetType?: string | undefined;
  readonly targetId?: string | undefined;
};

/**
 * The candidate's changes with those edits: within its own targets and types, each at most once, only
 * what is editable, and of the same length.
 *
 * @returns the changes, or what is wrong in words
 */
export function editChanges(
  changes: readonly Change[],
  edits: readonly EditedChange[],
): Result<readonly Change[], string> {
  const edited = new Map<string, Change>();
  for (const edit of edits) {
    const change = changes.find(({ changeId }) => changeId === edit.changeId);
    if (change === undefined) return err('names a change that the candidate does not have');
    if (edited.has(edit.changeId)) return err('names one change twice');
    const { startAt, endAt } = edit;
    const { type = change.type, targetType = change.targetType, targetId = change.targetId } = edit;
    const sameTarget = targetType === change.targetType && targetId === change.targetId;
    if (type !== change.type || !sameTarget) return err('changes what a change is about');
    const moves = startAt !== change.startAt || endAt !== change.endAt;
    if (moves && !change.editable) return err('moves a change that cannot be moved');
    if (endAt - startAt !== change.endAt - change.startAt) return err('changes a length');
    edited.set(change.changeId, { ...change, startAt, endAt });
  }
  return ok(changes.map((change) => edited.get(change.changeId) ?? change));
}

// The candidates of a preview, each with the changes that it would make to the host's data. Times are
// instants; the evaluator and the host's apply port know the host's own units.
import { z } from 'zod';
import { InstantCodec, textUpTo } from '../core/envelope.ts';
import { IdSchema, StoredIdSchema } from '../core/identity.ts';
import { InstantInput } from '../core/input.ts';
import { CodeSchema } from '../core/vocabulary.ts';
import { err, ok, type Result } from '../core/result.ts';

export const MAX_CANDIDATES = 3;

export const MAX_CHANGES = 64;

/** One entry that a candidate would add or move. */
export const ChangeSchema = z.object({
  /** `{candidate id}:chg_{n}`, n from 1. */
  changeId: textUpTo(280),
  type: CodeSchema,
  targetType: CodeSchema,
  targetId: StoredIdSchema,
  startAt: InstantCodec,
  endAt: InstantCodec,
  /** A confirmation may move it; its length stays. */
  editable: z.boolean(),
});

export type Change = z.output<typeof ChangeSchema>;

export const CandidateSchema = z.object({
  candidateId: textUpTo(256),
  type: CodeSchema,
  score: z.number(),
  /** Its effect, in a sentence for people. */
  summary: z.string().max(1000).optional(),
  changes: z.array(ChangeSchema).max(MAX_CHANGES),
});

export type Candidate = z.output<typeof CandidateSchema>;

/** New times for a change, as a confirmation gives them. */
export const EditedChangeSchema = z.strictObject({
  changeId: textUpTo(280),
  startAt: InstantInput,
  endAt: InstantInput,
  /** Where given, these must be equal to the candidate's. */
  type: CodeSchema.optional(),
  targetType: CodeSchema.optional(),
  targetId: IdSchema.optional(),
});

export type EditedChange = z.output<typeof EditedChangeSchema>;

/** Applies edits to a candidate's changes, or returns the fault. An edit moves one editable change. */
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
    if (type !== change.type || !sameTarget)
      return err('changes the type or the target of a change');
    const moves = startAt !== change.startAt || endAt !== change.endAt;
    if (moves && !change.editable) return err('moves a change that cannot be moved');
    if (endAt - startAt !== change.endAt - change.startAt)
      return err('changes the length of a change');
    edited.set(change.changeId, { ...change, startAt, endAt });
  }
  return ok(changes.map((change) => edited.get(change.changeId) ?? change));
}

// Confirmations as a client sends them, and the checks that need no state.
import { z } from 'zod';
import { textUpTo } from '../core/envelope.ts';
import { err, ok, type Result } from '../core/result.ts';
import { issuesOf, rejectionWith, type RejectionOf } from '../core/input.ts';
import { EditedChangeSchema, MAX_CHANGES, type EditedChange } from './candidates.ts';

export const ConfirmInputSchema = z.strictObject({
  /** Required where the preview has candidates. */
  candidateId: textUpTo(256).optional(),
  /** Blank means `confirm`. */
  action: z
    .string()
    .trim()
    .refine((action) => action === '' || action === 'confirm', { error: 'must be confirm' })
    .optional(),
  /** New times for editable changes. */
  editedChanges: z.array(EditedChangeSchema).max(MAX_CHANGES).optional(),
  /** A key stands for one answer: a repeat gets the same answer, another request is refused. */
  idempotencyKey: z.string().trim().pipe(textUpTo(191)),
});

/** {@link ConfirmInputSchema} before it is checked. */
export type ConfirmInput = z.input<typeof ConfirmInputSchema>;

export type ConfirmRequest = Omit<
  z.output<typeof ConfirmInputSchema>,
  'action' | 'editedChanges'
> & {
  readonly editedChanges: readonly EditedChange[];
};

/** Why a confirmation or dismissal was refused; stable codes. */
export type PreviewRejection = RejectionOf<
  | 'not_found'
  | 'forbidden'
  | 'already_applied'
  | 'invalid_request'
  | 'expired'
  | 'dismissed'
  | 'cancelled'
  | 'apply_in_progress'
  | 'idempotency_conflict'
  | 'invalid_edited_changes'
>;

/** Refuses for a reason that lies in no field. */
export function refuse(
  code: PreviewRejection['code'],
  message: string,
): Result<never, PreviewRejection> {
  return err({ code, message, issues: [] });
}

export function parseConfirm(input: unknown): Result<ConfirmRequest, PreviewRejection> {
  const parsed = ConfirmInputSchema.safeParse(input);
  if (!parsed.success) {
    return err(rejectionWith('invalid_request', issuesOf(parsed.error, { input })));
  }
  const { candidateId, editedChanges = [], idempotencyKey } = parsed.data;
  return ok({ candidateId, editedChanges, idempotencyKey });
}

// Cancels a trigger whose reason has gone, such as an invoice that was paid. Its notifications that are not
// delivered yet are not sent, and a trigger with the same scope can be raised again.
import { z } from 'zod';
import { textUpTo } from '../core/envelope.ts';
import { IdSchema, type UserId } from '../core/identity.ts';
import { issuesOf, rejectionWith, type RejectionOf } from '../core/input.ts';
import type { Instant } from '../core/instants.ts';
import { err, ok, type Result } from '../core/result.ts';
import { NameSchema } from '../core/vocabulary.ts';
import { previewEnded } from '../preview/offered.ts';
import { openApply } from '../preview/state.ts';
import type { TriggerEvent } from './events.ts';
import { isActive, occurrenceOf, offeredOf, type TriggerState } from './state.ts';

const about = {
  /** Only triggers of this user. */
  userId: IdSchema.optional(),
  reason: z
    .string({ error: 'is required: it tells later readers of the log why this was done' })
    .trim()
    .pipe(textUpTo(512)),
};

export const CancelInputSchema = z.union([
  /** One trigger, by its `ast_` id or its preview's `asp_` id. */
  z.strictObject({ triggerId: z.string().max(128), ...about }),
  /** All triggers of a type about a target. */
  z.strictObject({
    triggerType: NameSchema,
    /** Default: any. */
    targetType: NameSchema.optional(),
    targetId: IdSchema,
    ...about,
  }),
]);

/** What to cancel: one trigger, or all triggers of a type about a target. */
export type CancelInput = z.input<typeof CancelInputSchema>;

export type CancelRequest = z.output<typeof CancelInputSchema>;

/** Why a cancellation was refused; stable codes. */
export type CancelRejection = RejectionOf<'invalid_field' | 'unknown_trigger_type'>;

export function parseCancel(input: unknown): Result<CancelRequest, CancelRejection> {
  const isOne = typeof input === 'object' && input !== null && 'triggerId' in input;
  // The schema of one form tells what is wrong better than that of both.
  const parsed = CancelInputSchema.options[isOne ? 0 : 1].safeParse(input);
  return parsed.success
    ? ok(parsed.data)
    : err(rejectionWith('invalid_field', issuesOf(parsed.error)));
}

export type CancelTrigger = {
  readonly occurrence: number;
  readonly userId: UserId | undefined;
  readonly reason: string;
};

/** What became of one trigger. `unchanged`: it had ended before. */
export type CancelDecision = 'cancelled' | 'unchanged' | 'apply_in_progress' | 'not_found';

/** Decides a cancellation; a repeat changes nothing. */
export function decideCancel(
  state: TriggerState,
  { occurrence, userId, reason: detail }: CancelTrigger,
  { recordedAt }: { readonly recordedAt: Instant },
): Result<{ readonly events: readonly TriggerEvent[]; readonly answer: CancelDecision }, never> {
  const found = occurrenceOf(state, occurrence);
  const isTheirs = userId === undefined || found?.raised.userId === userId;
  if (found === undefined || !isTheirs) return ok({ events: [], answer: 'not_found' });
  if (!isActive(found)) return ok({ events: [], answer: 'unchanged' });
  const offered = offeredOf(state, occurrence);
  // The apply has to end first: the host may be writing.
  if (offered !== undefined && openApply(offered.preview) !== undefined) {
    return ok({ events: [], answer: 'apply_in_progress' });
  }
  const { triggerId } = found.raised;
  const cancelled: TriggerEvent = {
    type: 'TriggerCancelled',
    data: { triggerId, occurrence, personal: { detail } },
  };
  if (offered === undefined || offered.preview.ending !== undefined) {
    return ok({ events: [cancelled], answer: 'cancelled' });
  }
  const isOpen = recordedAt < offered.preview.expiresAt;
  const ended = previewEnded(offered, isOpen ? 'cancelled' : 'expired');
  return ok({ events: [cancelled, ended], answer: 'cancelled' });
}

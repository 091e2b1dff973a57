// The endings of a preview that apply nothing: somebody says no, or its time is over.
import type { Instant } from '../core/instants.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { TriggerEvent } from '../trigger/events.ts';
import type { TriggerState } from '../trigger/state.ts';
import type { Decided } from './apply.ts';
import { previewRejection, type PreviewRejection } from './commands.ts';
import { offeredOf, previewEnded, type Offered } from './facts.ts';
import { isOpen, openApply } from './state.ts';

type At = { readonly recordedAt: Instant };

/** Who speaks about which preview. Ids can be computed, so the owner is checked each time. */
export type Speaker = {
  readonly userId: string;
  readonly previewId: string;
  readonly occurrence: number;
};

/** The preview, if it is there and theirs. */
export function ownPreview(
  state: TriggerState,
  { userId, previewId, occurrence }: Speaker,
): Result<Offered, PreviewRejection> {
  const offered = offeredOf(state, occurrence);
  if (offered?.preview.previewId !== previewId) return refuse('not_found', 'there is none');
  return offered.raised.userId === userId ? ok(offered) : refuse('forbidden', 'it is not theirs');
}

/** Decides a no. Saying it twice is saying it once. */
export function decideDismiss(
  state: TriggerState,
  command: Speaker & { readonly reason?: string | undefined },
  { recordedAt }: At,
): Result<Decided<undefined>, PreviewRejection> {
  const found = ownPreview(state, command);
  if (!found.ok) return found;
  const { preview } = found.value;
  if (preview.ending === 'dismissed') return ok({ events: [], answer: undefined });
  if (preview.ending === 'applied') return refuse('already_applied', 'it was applied before');
  if (!isOpen(preview, recordedAt)) return refuse('expired', 'its time is over');
  if (openApply(preview) !== undefined) return refuse('apply_in_progress', 'it is being applied');
  const { reason: detail } = command;
  return ok({ events: [previewEnded(found.value, 'dismissed', { detail })], answer: undefined });
}

/** Decides that a preview's time is over; an open apply is answered first. */
export function decideExpire(
  state: TriggerState,
  command: { readonly occurrence: number },
  { recordedAt }: At,
): readonly TriggerEvent[] {
  const offered = offeredOf(state, command.occurrence);
  if (offered === undefined) return [];
  const { ending, expiresAt } = offered.preview;
  const isNotForUs = ending !== undefined || recordedAt < expiresAt;
  return isNotForUs || openApply(offered.preview) !== undefined
    ? []
    : [previewEnded(offered, 'expired')];
}

export function refuse(
  code: PreviewRejection['code'],
  message: string,
): { readonly ok: false; readonly error: PreviewRejection } {
  return err(previewRejection(code, message));
}

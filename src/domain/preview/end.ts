// The endings of a preview that apply nothing: its owner dismisses it, or it expires.
import type { Instant } from '../core/instants.ts';
import { ok, type Result } from '../core/result.ts';
import type { Decided } from './apply.ts';
import { refuse, type PreviewRejection } from './commands.ts';
import type { PreviewEvent } from './events.ts';
import { previewEnded, type Offered } from './offered.ts';
import { isOpen, openApply } from './state.ts';

type At = { readonly recordedAt: Instant };

export type PreviewCaller = { readonly userId: string; readonly previewId: string };

/** The preview, if the caller owns it. Ids can be computed, so every call checks the owner. */
export function ownPreview(
  offered: Offered | undefined,
  { userId, previewId }: PreviewCaller,
): Result<Offered, PreviewRejection> {
  if (offered?.preview.previewId !== previewId) return refuse('not_found', 'there is none');
  return offered.raised.userId === userId ? ok(offered) : refuse('forbidden', 'it is not theirs');
}

/** Decides a dismissal. A repeat changes nothing. */
export function decideDismiss(
  offered: Offered | undefined,
  command: PreviewCaller & { readonly reason?: string | undefined },
  { recordedAt }: At,
): Result<Decided<undefined>, PreviewRejection> {
  const found = ownPreview(offered, command);
  if (!found.ok) return found;
  const { preview } = found.value;
  if (preview.ending === 'dismissed') return ok({ events: [], answer: undefined });
  if (preview.ending === 'applied') return refuse('already_applied', 'it was applied before');
  if (preview.ending === 'cancelled') return refuse('cancelled', 'its trigger was cancelled');
  if (!isOpen(preview, recordedAt)) return refuse('expired', 'its time is over');
  if (openApply(preview) !== undefined) return refuse('apply_in_progress', 'it is being applied');
  const { reason: detail } = command;
  return ok({ events: [previewEnded(found.value, 'dismissed', { detail })], answer: undefined });
}

/** Decides whether a preview expires now; an open apply must end first. */
export function decideExpire(
  offered: Offered | undefined,
  { recordedAt }: At,
): readonly PreviewEvent[] {
  if (offered === undefined) return [];
  const { ending, expiresAt } = offered.preview;
  const stays =
    ending !== undefined || recordedAt < expiresAt || openApply(offered.preview) !== undefined;
  return stays ? [] : [previewEnded(offered, 'expired')];
}

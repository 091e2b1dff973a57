// Previews through the kernel: reading, confirming and dismissing them.
import { cleanText } from '../../domain/core/text.ts';
import { offeredOf } from '../../domain/trigger/state.ts';
import type { ConfirmInput } from '../../domain/preview/commands.ts';
import { decideDismiss, ownPreview } from '../../domain/preview/end.ts';
import { viewOf, type PreviewView } from '../../domain/preview/view.ts';
import type { RaiseInput } from '../../domain/trigger/commands.ts';
import type { ApplyPreview } from '../../domain/ports/apply-preview.ts';
import type { Call } from '../decider/decider.ts';
import { triggerDecider, type RaiseContext } from '../raise/raise.ts';
import { confirmPreview } from './confirm.ts';
import { offerPreview, type OfferPreviewResult } from './offer.ts';
import { speakerOf, type Track } from './speaker.ts';
import { failed, rejected, type ConfirmResult, type DismissResult } from './results.ts';

/** What was offered, for its owner. A user's id is as in a raise: 42 and "42" are one. */
export type Previews = {
  /**
   * Evaluates a request at once and offers what comes of it, telling nobody: no notification follows.
   * While one of the same target is there, it is that one again (`duplicate`).
   *
   * @throws TocsinError `no_evaluator` when evaluation is `later` and nobody can be asked
   */
  readonly offer: (
    input: RaiseInput,
    call?: Call & { readonly signal?: AbortSignal },
  ) => Promise<OfferPreviewResult>;
  /** The preview as it stands now, also after it has ended; `undefined` when there is none of theirs. */
  readonly get: (userId: string | number, previewId: string) => Promise<PreviewView | undefined>;
  /**
   * Says yes to one of its candidates: once, however often it is said under the same key.
   * `unknown` after the deadline: the same call again answers what became of it.
   */
  readonly confirm: (
    userId: string | number,
    previewId: string,
    input: ConfirmInput,
    call?: Call,
  ) => Promise<ConfirmResult>;
  /** Says no. */
  readonly dismiss: (
    userId: string | number,
    previewId: string,
    options?: Call & { readonly reason?: string },
  ) => Promise<DismissResult>;
};

export function previewsOf(
  context: RaiseContext,
  apply: ApplyPreview | undefined,
  track: Track,
): Previews {
  return {
    offer: (input, call = {}) => track(() => offerPreview(context, input, call)),
    get: (userId, previewId) => track(() => getPreview(context, userId, previewId)),
    confirm: (userId, previewId, input, call = {}) =>
      track(() => confirmPreview({ ...context, apply, track }, { userId, previewId, input }, call)),
    dismiss: (userId, previewId, options = {}) =>
      track(() => dismissPreview(context, userId, previewId, options)),
  };
}

async function getPreview(
  context: RaiseContext,
  userId: unknown,
  previewId: string,
): Promise<PreviewView | undefined> {
  const place = speakerOf(context.kernel, userId, previewId);
  if (place === undefined) return undefined;
  const { state } = await triggerDecider.load(context.store, place.stream);
  const found = ownPreview(offeredOf(state, place.occurrence), place);
  return found.ok ? viewOf(found.value, context.runtime.now()) : undefined;
}

async function dismissPreview(
  context: RaiseContext,
  userId: unknown,
  previewId: string,
  { reason, ...call }: Call & { readonly reason?: string },
): Promise<DismissResult> {
  const speaker = speakerOf(context.kernel, userId, previewId);
  if (speaker === undefined) return rejected({ code: 'not_found', message: 'there is none' });
  const dismiss = { ...speaker, reason: cleanText(reason?.trim(), 256) };
  const result = await triggerDecider.transact(
    context,
    speaker.stream,
    (state, at) => decideDismiss(offeredOf(state, speaker.occurrence), dismiss, at),
    call,
  );
  return result.kind === 'done' ? { outcome: 'dismissed' } : failed(result);
}

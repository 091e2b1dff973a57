// The kernel's calls on previews: offer, read, confirm, dismiss.
import { cleanText } from '../../domain/core/text.ts';
import { offeredOf } from '../../domain/trigger/state.ts';
import type { ConfirmInput } from '../../domain/preview/commands.ts';
import { decideDismiss, ownPreview } from '../../domain/preview/end.ts';
import { viewOf, type PreviewView } from '../../domain/preview/view.ts';
import type { RaiseInput } from '../../domain/trigger/commands.ts';
import type { ApplyPreview } from '../../domain/ports/apply-preview.ts';
import type { Call } from '../decider/decider.ts';
import { triggerDecider } from '../raise/trigger-decider.ts';
import { confirmPreview } from './confirm.ts';
import { offerPreview, type OfferPreviewResult } from './offer.ts';
import {
  callerOf,
  failed,
  rejected,
  type ConfirmResult,
  type DismissResult,
  type Track,
} from './results.ts';
import type { RaiseContext } from '../raise/prepare.ts';

/** Previews for their owner. User ids are as in a raise: 42 and "42" are one user. */
export type Previews = {
  /**
   * Evaluates a request at once and offers the result without a notification. While a preview of the same
   * target is active, the answer names that preview (`duplicate`).
   *
   * @throws TocsinError `no_evaluator` when evaluation is `later` and the kernel has no `evaluateLater`
   */
  readonly offer: (
    input: RaiseInput,
    call?: Call & { readonly signal?: AbortSignal },
  ) => Promise<OfferPreviewResult>;
  /** The preview as it is now, also after its end; `undefined` when the user has no such preview. */
  readonly get: (userId: string | number, previewId: string) => Promise<PreviewView | undefined>;
  /** Applies a candidate, once for all calls under one key. `unknown` after the deadline: repeat the call. */
  readonly confirm: (
    userId: string | number,
    previewId: string,
    input: ConfirmInput,
    call?: Call,
  ) => Promise<ConfirmResult>;
  /** Ends the preview without applying it. */
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
  const caller = callerOf(context.kernel, userId, previewId);
  if (caller === undefined) return undefined;
  const { state } = await triggerDecider.load(context.store, caller.stream);
  const found = ownPreview(offeredOf(state, caller.occurrence), caller);
  return found.ok ? viewOf(found.value, context.runtime.now()) : undefined;
}

async function dismissPreview(
  context: RaiseContext,
  userId: unknown,
  previewId: string,
  { reason, ...call }: Call & { readonly reason?: string },
): Promise<DismissResult> {
  const caller = callerOf(context.kernel, userId, previewId);
  if (caller === undefined) return rejected({ code: 'not_found', message: 'there is none' });
  const dismiss = { ...caller, reason: cleanText(reason?.trim(), 256) };
  const result = await triggerDecider.transact(
    context,
    caller.stream,
    (state, at) => decideDismiss(offeredOf(state, caller.occurrence), dismiss, at),
    call,
  );
  return result.kind === 'done' ? { outcome: 'dismissed' } : failed(result);
}

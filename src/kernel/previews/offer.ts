// A preview on request: an occurrence in a scope of its own, offered at once without a notification.
import { type RaiseRequest } from '../../domain/trigger/commands.ts';
import { raisePrepared } from '../raise/raise.ts';
import type { Call } from '../decider/decider.ts';
import { rejected, type RaiseResult } from '../raise/raise-result.ts';
import { parseRaise } from '../../domain/trigger/parse-raise.ts';
import { evaluateNow, prepare, type RaiseContext } from '../raise/prepare.ts';

/** As a raise's; `nothing_to_offer` when the evaluation offers nothing, and nothing was written. */
export type OfferPreviewResult =
  RaiseResult | { readonly outcome: 'nothing_to_offer'; readonly reason: string };

export async function offerPreview(
  context: RaiseContext,
  input: unknown,
  { signal = new AbortController().signal, ...call }: Call & { readonly signal?: AbortSignal },
): Promise<OfferPreviewResult> {
  const { now, newId } = context.runtime;
  const commandId = newId();
  const defaults = { now: now(), traceId: `trace_api_preview_${commandId}` };
  const parsed = parseRaise(input, context.definitions, defaults);
  if (!parsed.ok) return rejected(parsed.error);
  const { definition, sent } = parsed.value;
  const request: RaiseRequest = { ...parsed.value.request, quiet: true };
  const limits = { ...call, signal };
  const prepared = await prepare(context, { request, definition }, limits);
  if (!prepared.ok) return rejected(prepared.error);
  const evaluation = await evaluateNow(context, prepared.value, signal);
  if (evaluation.outcome !== 'offer') {
    return { outcome: 'nothing_to_offer', reason: evaluation.reason };
  }
  // The offer is fixed, also when the claim of an idempotency key is read again.
  const fixed = { ...context, fixed: evaluation };
  const offered = await prepare(fixed, { request, definition }, limits);
  if (!offered.ok) return rejected(offered.error);
  // The same key in a raise and in a preview request names two different requests.
  const of = { input: { quiet: true, input: sent }, commandId, call };
  return raisePrepared(fixed, offered.value.command, of);
}

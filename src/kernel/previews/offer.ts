// A preview on request: evaluated at once and offered without a notification. It is an occurrence in a scope
// of its own, and is read, confirmed and dismissed like every other preview.
import type { Evaluation, Offer } from '../../domain/trigger/evaluation.ts';
import { parseRaise, type RaiseRequest } from '../../domain/trigger/commands.ts';
import { noEvaluator, prepare, raisePrepared, type RaiseContext } from '../raise/raise.ts';
import type { Call } from '../decider/decider.ts';
import { rejected, type RaiseResult } from '../raise/raise-result.ts';

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
  const parsed = parseRaise(input, defaults);
  if (!parsed.ok) return rejected(parsed.error);
  const request: RaiseRequest = { ...parsed.value, quiet: true };
  const prepared = prepare(context, request);
  if (!prepared.ok) return rejected(prepared.error);
  const evaluation = prepared.value.evaluation ?? (await evaluated(context, request, signal));
  if (evaluation.outcome !== 'offer') {
    return { outcome: 'nothing_to_offer', reason: evaluation.reason };
  }
  return raisePrepared(
    offering(context, evaluation),
    { ...prepared.value, evaluation },
    {
      // The same key in a raise and in a preview request names two different requests.
      input: { quiet: true, input },
      commandId,
      call,
    },
  );
}

/** The offer is fixed, also when the claim of an idempotency key is read again. */
function offering(context: RaiseContext, offer: Offer): RaiseContext {
  return { ...context, evaluate: () => offer };
}

async function evaluated(
  { evaluateLater, runtime }: RaiseContext,
  request: RaiseRequest,
  signal: AbortSignal,
): Promise<Evaluation> {
  if (evaluateLater === undefined) throw noEvaluator();
  return evaluateLater(request, { now: runtime.now(), signal });
}

// A preview that somebody asks for: evaluated at once, offered, and told to nobody. It is an occurrence
import type { Evaluation, Offer } from '../../domain/trigger/evaluation.ts';

// like any other, in a scope of its own, so it can be read, confirmed and dismissed like any other.
import { parseRaise, type RaiseRequest } from '../../domain/trigger/commands.ts';
import { noEvaluator, prepare, raisePrepared, type RaiseContext } from '../raise/raise.ts';
import type { Call } from '../decider/decider.ts';
import { rejected, type RaiseResult } from '../raise/raise-result.ts';

/** As of a raise; `nothing_to_offer` when the evaluation offers nothing, and nothing was written. */
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
      // An idempotency key of a preview and one of a raise never stand for the same.
      input: { quiet: true, input },
      commandId,
      call,
    },
  );
}

/** What is offered is decided by now, also where a key's claim is read again. */
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

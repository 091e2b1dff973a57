// Reports a raise: its outcome, its time, and its step in the trace of the caller. The events carry this trace on.
import { noTelemetry, type Telemetry } from '../../domain/ports/telemetry.ts';
import type { Call } from '../decider/decider.ts';
import type { RaiseResult } from './raise-result.ts';

/** Raises with the trace context of its step, unless nobody listens. */
export async function reported(
  telemetry: Telemetry,
  call: Call,
  raise: (call: Call) => Promise<RaiseResult>,
): Promise<RaiseResult> {
  if (telemetry === noTelemetry) return raise(call);
  const begun = performance.now();
  const span = telemetry.span('tocsin.raise', { parent: call.traceparent });
  const { traceparent = call.traceparent } = span;
  let outcome: RaiseResult['outcome'] | 'failed' = 'failed';
  try {
    const result = await raise(traceparent === call.traceparent ? call : { ...call, traceparent });
    ({ outcome } = result);
    return result;
  } finally {
    telemetry.took('tocsin.raise.duration', begun);
    telemetry.count('tocsin.raises', { outcome });
    const hasFailed = outcome === 'failed' || outcome === 'unknown' || outcome === 'conflict';
    span.end({
      attributes: { 'tocsin.outcome': outcome },
      ...(hasFailed ? { failed: outcome } : {}),
    });
  }
}

// Decides whether the stream of a trigger is closed: nothing that happens to it any more can change a verdict, a delivery or
// the answer to a raise, except that its scope stays used.
import type { Instant } from '../core/instants.ts';
import { tumblingWindowStart } from '../core/windows.ts';
import { openApply } from '../preview/state.ts';
import { raisedRequest } from './commands.ts';
import type { TriggerDefinition } from './definitions.ts';
import { scopeOf, triggerStream } from './dedupe-scope.ts';
import type { TriggerEvent } from './events.ts';
import type { Occurrence, TriggerState } from './state.ts';

/**
 * Why a stream is not closed.
 *
 * - `open`: it waits for its evaluation, or its preview can still be confirmed
 * - `not_expired`: its notification can still be delivered
 * - `window`: another raise can still belong to the scope
 * - `no_window`: its scope has no window, so another raise belongs to it at any time
 * - `unknown_scope`: its type is not defined, or its definition has another scope now
 */
export type NotClosed = 'open' | 'not_expired' | 'window' | 'no_window' | 'unknown_scope';

export type ClosedRules = {
  readonly kernel: string;
  readonly definitions: ReadonlyMap<string, Pick<TriggerDefinition, 'scope' | 'windowMs'>>;
  /** Closed at this time. */
  readonly before: Instant;
};

/** @param expiries when the notifications of the stream end @returns `undefined` for a closed stream */
export function whyNotClosed(
  stream: string,
  { occurrences }: TriggerState,
  expiries: readonly Instant[],
  rules: ClosedRules,
): NotClosed | undefined {
  const { before } = rules;
  const last = occurrences.at(-1);
  if (last === undefined || occurrences.some((one) => isOpenAt(one, before))) return 'open';
  if (expiries.some((expiresAt) => expiresAt > before)) return 'not_expired';
  return whyInScope(stream, last, rules);
}

function isOpenAt({ status, preview }: Occurrence, at: Instant): boolean {
  if (status === 'pending') return true;
  if (preview === undefined) return status === 'offered';
  // An expired preview can no longer be confirmed, also where no worker has recorded its end.
  if (openApply(preview) !== undefined) return true;
  return status === 'offered' && preview.ending === undefined && preview.expiresAt > at;
}

function whyInScope(
  stream: string,
  { raised }: Occurrence,
  { kernel, definitions, before }: ClosedRules,
): NotClosed | undefined {
  const definition = definitions.get(raised.triggerType);
  const request = raisedRequest(raised);
  const scope = definition && scopeOf(definition, request);
  if (scope === undefined || triggerStream(kernel, request, scope) !== stream) {
    return 'unknown_scope';
  }
  const { windowMs } = definition ?? { windowMs: null };
  const scopeKind = definition?.scope ?? 'target';
  const isWithout = scopeOf({ scope: scopeKind, windowMs: null }, request).key === scope.key;
  if (windowMs === null || isWithout) return 'no_window';
  const start = tumblingWindowStart(request.mockNow ?? request.requestedAt, windowMs);
  return start + windowMs > before ? 'window' : undefined;
}

/** The event without the texts that no state of a closed stream needs. */
export function withoutTexts(event: TriggerEvent): TriggerEvent {
  switch (event.type) {
    case 'TriggerRaised':
      return { ...event, data: { ...event.data, personal: {} } };
    case 'PreviewOffered':
      return { ...event, data: { ...event.data, personal: { summary: '' } } };
    default:
      return event;
  }
}

// The trigger's decisions. Pure: time, ids and the evaluation are arguments.
import type { Instant } from '../core/instants.ts';
import { occurrenceId } from '../core/ids.ts';
import { err, ok, type Result } from '../core/result.ts';
import type { Evaluation } from '../ports/evaluator.ts';
import { cleanSummary, fallbackText, type Texts } from '../texts.ts';
import { MAX_AHEAD_MS, rejection, type RaiseRequest, type Rejection } from './commands.ts';
import type { TriggerDefinition } from './definitions.ts';
import type { TriggerEvent } from './events.ts';
import { isActive, occurrenceOf, type TriggerState } from './state.ts';

/** How long a preview may be confirmed. */
export const PREVIEW_TTL_MS = 60 * 60 * 1000;

/** Raise a trigger in its scope's stream. */
export type RaiseTrigger = {
  readonly request: RaiseRequest;
  readonly definition: TriggerDefinition;
  readonly stream: string;
  readonly dedupeKey: string;
  readonly evaluation: Evaluation;
  readonly texts: Texts;
  /** Append exactly this occurrence, or nothing: an idempotency key has claimed it. */
  readonly claimed?: number;
  /** Write down that a duplicate came. */
  readonly recordDuplicates?: boolean;
};

/** The answer to a raise: which occurrence it is about, and whether it was already there. */
export type Raised = { readonly occurrence: number; readonly duplicate: boolean };

export type RaiseDecision = { readonly events: readonly TriggerEvent[]; readonly answer: Raised };

/** Decides a raise. An empty list of events means that nothing is written. */
export function decideRaise(
  state: TriggerState,
  command: RaiseTrigger,
  context: { readonly recordedAt: Instant },
): Result<RaiseDecision, Rejection> {
  const { request, claimed } = command;
  const count = state.occurrences.length;
  if (claimed !== undefined && claimed <= count) {
    return ok({ events: [], answer: { occurrence: claimed, duplicate: true } });
  }
  if (isActive(occurrenceOf(state))) {
    const events = command.recordDuplicates === true ? [duplicateRaised(command, count)] : [];
    return ok({ events, answer: { occurrence: count, duplicate: true } });
  }
  if (request.requestedAt > context.recordedAt + MAX_AHEAD_MS) {
    const message = `is more than ${MAX_AHEAD_MS / 60_000} minutes ahead of the clock`;
    return err(rejection('requested_at_in_future', 'requestedAt', message));
  }
  const answer = { occurrence: count + 1, duplicate: false };
  return ok({ events: raise(command, answer.occurrence, context.recordedAt), answer });
}

function raise(command: RaiseTrigger, number: number, recordedAt: Instant): TriggerEvent[] {
  const { request, evaluation, stream, dedupeKey } = command;
  const { payload, ...facts } = request;
  const id = { triggerId: occurrenceId('ast', stream, number), occurrence: number };
  const raised: TriggerEvent = {
    type: 'TriggerRaised',
    data: { ...id, ...facts, dedupeKey, personal: { payload } },
  };
  switch (evaluation.outcome) {
    case 'close':
      return [raised, { type: 'TriggerClosed', data: { ...id, reason: evaluation.reason } }];
    case 'reject': {
      const { code, reason } = evaluation;
      return [raised, { type: 'TriggerRejected', data: { ...id, code, reason } }];
    }
    case 'offer':
      return [raised, ...offer(command, evaluation, id, recordedAt)];
  }
}

function offer(
  command: RaiseTrigger,
  evaluation: Extract<Evaluation, { outcome: 'offer' }>,
  id: { readonly triggerId: string; readonly occurrence: number },
  recordedAt: Instant,
): TriggerEvent[] {
  const { request, definition, texts, stream } = command;
  const { userId, triggerType, targetType, targetId, traceId } = request;
  const previewId = occurrenceId('asp', stream, id.occurrence);
  const expiresAt = recordedAt + PREVIEW_TTL_MS;
  const summary = cleanSummary(evaluation.summary);
  const targetUrl = definition.link(previewId);
  const about = { ...id, previewId, userId };
  return [
    {
      type: 'PreviewOffered',
      data: {
        ...about,
        kind: evaluation.kind,
        offeredAt: recordedAt,
        expiresAt,
        personal: { summary, snapshot: evaluation.snapshot },
      },
    },
    {
      type: 'NotificationRequested',
      data: {
        ...about,
        triggerType,
        targetType,
        targetId,
        traceId,
        channel: evaluation.channel ?? 'feishu',
        targetUrl,
        triggerRequestedAt: request.requestedAt,
        requestedAt: recordedAt,
        expiresAt,
        mock: request.mockNow !== undefined,
        severity: request.severity,
        personal: { summary, fallbackText: fallbackText(texts, summary, targetUrl) },
      },
    },
  ];
}

function duplicateRaised(command: RaiseTrigger, occurrence: number): TriggerEvent {
  const { source, requestedAt } = command.request;
  const triggerId = occurrenceId('ast', command.stream, occurrence);
  return { type: 'DuplicateRaised', data: { triggerId, occurrence, source, requestedAt } };
}

// Turns an evaluation into events: a preview and the request for its notification in one append, or an
// end. The same for an evaluation within the raise and for a later one.
import type { Instant } from '../core/instants.ts';
import type { Evaluation, Offer } from './evaluation.ts';
import { cleanSummary, fallbackText, type Texts } from '../notification/texts.ts';
import { occurrenceId } from '../core/ids.ts';
import type { TriggerDefinition } from './definitions.ts';
import type { TriggerEvent, TriggerEventData } from './events.ts';

/** How long a preview may be confirmed. */
export const PREVIEW_TTL_MS = 60 * 60 * 1000;

export type OutcomeContext = {
  readonly definition: Pick<TriggerDefinition, 'channel' | 'link'>;
  readonly stream: string;
  readonly texts: Texts;
  readonly recordedAt: Instant;
};

/** The events that an evaluation of `raised` leads to. */
export function outcomeOf(
  raised: TriggerEventData<'TriggerRaised'>,
  evaluation: Evaluation,
  context: OutcomeContext,
): readonly TriggerEvent[] {
  const { triggerId, occurrence } = raised;
  const id = { triggerId, occurrence };
  switch (evaluation.outcome) {
    case 'close':
      return [{ type: 'TriggerClosed', data: { ...id, reason: evaluation.reason } }];
    case 'reject': {
      const { code, reason } = evaluation;
      return [{ type: 'TriggerRejected', data: { ...id, code, reason } }];
    }
    case 'offer':
      return offer(raised, evaluation, context);
  }
}

function offer(
  raised: TriggerEventData<'TriggerRaised'>,
  evaluation: Offer,
  { definition, stream, texts, recordedAt }: OutcomeContext,
): readonly TriggerEvent[] {
  const { triggerId, occurrence, userId, triggerType, targetType, targetId, traceId } = raised;
  const { kind, candidates, baseVersion, snapshot } = evaluation;
  const previewId = occurrenceId('asp', stream, occurrence);
  const expiresAt = recordedAt + PREVIEW_TTL_MS;
  const summary = cleanSummary(evaluation.summary);
  const targetUrl = definition.link(previewId);
  const about = { triggerId, occurrence, previewId, userId };
  const offered: TriggerEvent = {
    type: 'PreviewOffered',
    data: {
      ...about,
      kind,
      offeredAt: recordedAt,
      expiresAt,
      candidateId: evaluation.candidateId ?? candidates?.[0]?.candidateId,
      baseVersion,
      personal: { summary, candidates: candidates && [...candidates], snapshot },
    },
  };
  if (raised.quiet === true) return [offered];
  return [
    offered,
    {
      type: 'NotificationRequested',
      data: {
        ...about,
        triggerType,
        targetType,
        targetId,
        traceId,
        channel: evaluation.channel ?? definition.channel,
        targetUrl,
        triggerRequestedAt: raised.requestedAt,
        requestedAt: recordedAt,
        expiresAt,
        mock: raised.mockNow !== undefined,
        severity: raised.severity,
        personal: { summary, fallbackText: fallbackText(texts, summary, targetUrl) },
      },
    },
  ];
}

// Decides the events that follow an evaluation, within the raise or after it: a preview and the request
// for its notification in one append, an end, or a retry. Another worker may have ended an occurrence
// already, so every decision after the raise first checks that the occurrence still waits.
import { backoffCeilingMs, type Backoff } from '../core/backoff.ts';
import { occurrenceId } from '../core/ids.ts';
import { rejectionWith } from '../core/input.ts';
import type { Instant } from '../core/instants.ts';
import { err, ok, type Result } from '../core/result.ts';
import { fallbackText, type CleanSummary, type Texts } from '../notification/texts.ts';
import type { Rejection } from './commands.ts';
import type { BoundTrigger } from './definitions.ts';
import type { Evaluation, Offer } from './evaluation.ts';
import type { TriggerEvent, TriggerEventData } from './events.ts';
import { linkOf } from './link.ts';
import { occurrenceOf, type Occurrence, type TriggerState } from './state.ts';

export type OutcomeContext = {
  readonly link: BoundTrigger['link'];
  /** The channel of the notification, and how long it lives in milliseconds. */
  readonly channel: string;
  readonly expiresInMs: number;
  readonly stream: string;
  readonly texts: Texts;
  /** Of the evaluation's offer. */
  readonly summary: CleanSummary;
  readonly recordedAt: Instant;
};

/** The events of an outcome; a rejection for an id that no link can hold. @throws TocsinError `invalid_link` */
export function outcomeOf(
  raised: TriggerEventData<'TriggerRaised'>,
  evaluation: Evaluation,
  context: OutcomeContext,
): Result<readonly TriggerEvent[], Rejection> {
  const { triggerId, occurrence } = raised;
  const id = { triggerId, occurrence };
  switch (evaluation.outcome) {
    case 'close':
      return ok([{ type: 'TriggerClosed', data: { ...id, reason: evaluation.reason } }]);
    case 'reject': {
      const { code, reason } = evaluation;
      return ok([{ type: 'TriggerRejected', data: { ...id, code, reason } }]);
    }
    case 'offer':
      return offer(raised, evaluation, context);
  }
}

function offer(
  raised: TriggerEventData<'TriggerRaised'>,
  evaluation: Offer,
  { link, channel, expiresInMs, stream, texts, summary: clean, recordedAt }: OutcomeContext,
): Result<readonly TriggerEvent[], Rejection> {
  const { triggerId, occurrence, userId, triggerType, targetType, targetId, traceId } = raised;
  const target = { userId, triggerType, targetType, targetId };
  const { kind, candidates, baseVersion, snapshot } = evaluation;
  const previewId = occurrenceId('asp', stream, occurrence);
  const expiresAt = recordedAt + expiresInMs;
  const { text: summary, linksRemoved } = clean;
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
      ...(linksRemoved === 0 ? {} : { linksRemoved }),
      personal: { summary, candidates: candidates && [...candidates], snapshot },
    },
  };
  if (raised.quiet === true) return ok([offered]);
  const linked = link && linkOf(link, { ...target, triggerId, previewId });
  if (linked?.ok === false) return err(rejectionWith('invalid_field', [linked.error]));
  const targetUrl = linked?.value;
  return ok([
    offered,
    {
      type: 'NotificationRequested',
      data: {
        ...about,
        triggerType,
        targetType,
        targetId,
        traceId,
        channel,
        targetUrl,
        triggerRequestedAt: raised.requestedAt,
        requestedAt: recordedAt,
        expiresAt,
        mock: raised.mockNow !== undefined,
        severity: raised.severity,
        personal: { summary, fallbackText: fallbackText(texts, summary, targetUrl) },
      },
    },
  ]);
}

/** Evaluations of one occurrence, at most; when the last fails, the occurrence is abandoned. */
export const MAX_EVALUATIONS = 20;

/** All waits together are about an hour; a later answer would be of no use. */
const RETRY: Backoff = { firstMs: 1_000, longestMs: 5 * 60 * 1_000 };

/** Milliseconds to wait after failed evaluation number `attempt`, from 1. */
export function evaluationRetryMs(attempt: number): number {
  return backoffCeilingMs(attempt - 1, RETRY);
}

export function awaitingEvaluation(
  state: TriggerState,
  occurrence: number,
): Occurrence | undefined {
  const found = occurrenceOf(state, occurrence);
  return found?.status === 'pending' ? found : undefined;
}

/** Decides the events of an evaluation; none when the occurrence no longer waits. */
export function decideEvaluated(
  state: TriggerState,
  command: Omit<OutcomeContext, 'recordedAt'> & {
    readonly occurrence: number;
    readonly evaluation: Evaluation;
  },
  { recordedAt }: { readonly recordedAt: Instant },
): Result<readonly TriggerEvent[], Rejection> {
  const waiting = awaitingEvaluation(state, command.occurrence);
  if (waiting === undefined) return ok([]);
  return outcomeOf(waiting.raised, command.evaluation, { ...command, recordedAt });
}

/** Decides the events of a failed evaluation: a retry, or the end. */
export function decideEvaluationFailed(
  state: TriggerState,
  command: {
    readonly occurrence: number;
    /** The number of the evaluation, from 1; a failure of an earlier evaluation changes nothing. */
    readonly attempt: number;
    readonly code: string;
    readonly detail?: string | undefined;
  },
  { recordedAt }: { readonly recordedAt: Instant },
): readonly TriggerEvent[] {
  const { occurrence, attempt, code, detail } = command;
  const waiting = awaitingEvaluation(state, occurrence);
  if (waiting === undefined || attempt !== (waiting.failures ?? 0) + 1) return [];
  const { triggerId } = waiting.raised;
  const id = { triggerId, occurrence };
  const failed = { ...id, attempt, code, personal: { detail } };
  if (attempt < MAX_EVALUATIONS) {
    const retryAt = recordedAt + evaluationRetryMs(attempt);
    return [{ type: 'TriggerEvaluationFailed', data: { ...failed, retryAt } }];
  }
  const reason = `its evaluation failed ${attempt} times`;
  return [
    { type: 'TriggerEvaluationFailed', data: failed },
    { type: 'TriggerAbandoned', data: { ...id, code, reason, attempts: attempt } },
  ];
}

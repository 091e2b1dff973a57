// `audit explain`: why a trigger led to a notification, or did not. It reads single events, short streams and
// indexed rows, so its cost does not depend on the length of the log.
import type { ControlEvent } from '../../../domain/control/events.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import { isUuid, parseOccurrenceId, occurrenceId } from '../../../domain/core/ids.ts';
import { formatInstant, MAX_INSTANT, type Instant } from '../../../domain/core/instants.ts';
import { comparePositions, type Position } from '../../../domain/core/positions.ts';
import {
  decisionOf,
  decisionView,
  operatorsWordOn,
  sentOf,
  suppressedBy,
  type DecisionView,
  type SuppressedView,
} from './decision.ts';
import {
  controlEvents,
  deliveryEvents,
  triggerEventAt,
  triggerEvents,
  type ExplainSources,
  type Found,
} from './events.ts';
import { controlLine, deliveryLine, triggerLine, type StoryLine } from './lines.ts';
import { sentenceOf } from './sentence.ts';

/** What was known at an instant. */
export type AsOf = {
  readonly at: string;
  /** What the log held then. */
  readonly known: readonly StoryLine[];
  /** What had happened by then, but was recorded later. */
  readonly happenedUnknown: readonly StoryLine[];
  /** The sentence from what the log held then; null when it held nothing. */
  readonly sentence: string | null;
};

/** Why a trigger led to a notification, or did not. */
export type Explanation = {
  readonly triggerId: string;
  readonly userId: string;
  readonly triggerType: string;
  readonly mock: boolean;
  readonly story: readonly StoryLine[];
  readonly decision: DecisionView | null;
  /** Requests that the same sent notification suppressed; the nearest ten. */
  readonly suppressed: readonly SuppressedView[];
  /** True when there are, or may be, more of them. */
  readonly suppressedMore: boolean;
  readonly sentence: string;
  readonly asOf: AsOf | null;
};

/**
 * Explains a trigger (`ast_…`), a preview (`asp_…`) or a notification (its id).
 *
 * @param at adds what the log held at that instant, and what had happened by then
 * @throws TocsinError `usage` when the id leads nowhere
 */
export async function explain(
  sources: ExplainSources,
  id: string,
  at?: Instant,
): Promise<Explanation> {
  const { log, kernel, verdicts } = sources;
  const known = parseOccurrenceId(kernel, id);
  if (known !== undefined) return explainOccurrence(sources, known.stream, known.occurrence, at);
  const row = isUuid(id) ? verdicts.verdictOfMessage(id.toLowerCase()) : undefined;
  const request = row && (await triggerEventAt(log, row.stream, row.revision));
  if (row === undefined || request === undefined) throw notFound(id);
  return explainOccurrence(sources, row.stream, request.event.data.occurrence, at);
}

async function explainOccurrence(
  sources: ExplainSources,
  stream: string,
  occurrence: number,
  at: Instant | undefined,
): Promise<Explanation> {
  const { log, kernel } = sources;
  const events = (await triggerEvents(log, stream)).filter(
    ({ event }) => event.data.occurrence === occurrence,
  );
  const first = events.find(({ event }) => event.type === 'TriggerRaised');
  if (first?.event.type !== 'TriggerRaised') {
    throw notFound(occurrenceId('ast', stream, occurrence));
  }
  const raised = first.event.data;
  const { triggerId, userId, triggerType } = raised;
  const control = await controlEvents(log, kernel);
  const request = events.findLast(({ event }) => event.type === 'NotificationRequested');
  const row = request && decisionOf(sources, request, control);
  const sentId = row?.messageId ?? (row?.verdict === 'suppressed' ? row.basis : null);
  const sent = sentId === null ? undefined : await sentOf(sources, sentId);
  const deliveries = sent === undefined ? [] : await deliveryEvents(log, kernel, userId, sent.id);
  const { shown, more } = await suppressedBy(sources, userId, sent, row);
  const inForce = control.filter(
    ({ event, recorded }) =>
      (isInForce(event, triggerType) && isUpTo(recorded.position, row?.position)) ||
      (request !== undefined && operatorsWordOn(event) === request.recorded.id),
  );
  const isOwn = sentId === row?.messageId;
  const holder = sent !== undefined && !isOwn ? [sent.found] : [];
  const story = inOrder([
    ...inForce.map(controlLine),
    ...[...events, ...holder].map(triggerLine),
    ...deliveries.map(deliveryLine),
  ]);
  const sentenceUntil = (end: Instant): string =>
    sentenceOf({
      raised,
      events: eventsUntil(events, end),
      decision: row,
      holderAt: sent?.data.triggerRequestedAt,
      deliveries: isOwn ? eventsUntil(deliveries, end) : [],
    });
  const isRaisedBy = (end: Instant): boolean => first.metadata.recordedAt <= end;
  return {
    triggerId,
    userId,
    triggerType,
    mock: raised.mockNow !== undefined,
    story,
    decision: row === undefined ? null : decisionView(row, control, triggerType, sent),
    suppressed: shown,
    suppressedMore: more,
    sentence: sentenceUntil(MAX_INSTANT),
    asOf: at === undefined ? null : asOf(at, story, isRaisedBy(at) ? sentenceUntil(at) : null),
  };
}

function eventsUntil<E>(found: readonly Found<E>[], end: Instant): E[] {
  return found.filter(({ metadata }) => metadata.recordedAt <= end).map(({ event }) => event);
}

function asOf(at: Instant, lines: readonly StoryLine[], sentence: string | null): AsOf {
  const then = formatInstant(at);
  return {
    at: then,
    // The texts have one form and are in UTC, so they sort by time.
    known: lines.filter(({ recordedAt }) => recordedAt <= then),
    happenedUnknown: lines.filter(
      ({ recordedAt, happenedAt }) =>
        recordedAt > then && happenedAt !== null && happenedAt <= then,
    ),
    sentence,
  };
}

function inOrder(lines: readonly StoryLine[]): readonly StoryLine[] {
  const commitOf = ({ position }: StoryLine): bigint => BigInt(position.split('/')[0] ?? '0');
  return lines.toSorted((a, b) => {
    const [left, right] = [commitOf(a), commitOf(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  });
}

function isUpTo(position: Position, end: Position | undefined): boolean {
  return end === undefined || comparePositions(position, end) <= 0;
}

/** True for a control event that a decision about the type depends on. */
function isInForce({ type, data }: ControlEvent, triggerType: string): boolean {
  if (type === 'RulesetActivated') return true;
  if (!('triggerType' in data)) return false;
  return data.triggerType === triggerType || data.triggerType === '*';
}

function notFound(id: string): TocsinError {
  return new TocsinError('usage', 'not_found', `${id} leads to no trigger and no notification`, {
    hint: 'Give a trigger id (ast_…), a preview id (asp_…) or a notification id, or ask with --user and --at. Check --store, --state and --name; a trigger that was just raised can be explained when the projector has processed it, and one that has left the log with --archive.',
  });
}

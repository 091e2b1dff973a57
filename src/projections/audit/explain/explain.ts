// Explain: why one person was told, or not told. It reads single events, short streams and indexed rows:
// how much does not depend on how long the log is.
import type { ControlEvent } from '../../../domain/control/events.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import { isUuid, parseOccurrenceId, occurrenceId } from '../../../domain/core/ids.ts';
import { formatInstant, type Instant } from '../../../domain/core/instants.ts';
import { comparePositions, formatPosition, type Position } from '../../../domain/core/positions.ts';
import type { DeliveryEvent } from '../../../domain/delivery/events.ts';
import { mutedUntil, policiesAt, policyFor } from '../../../domain/policy/in-force.ts';
import { REASONS } from '../../../domain/policy/reasons.ts';
import { formatPolicy } from '../../../domain/policy/text.ts';
import type { TriggerEvent, TriggerEventData } from '../../../domain/trigger/events.ts';
import type { VerdictRow } from '../../read-model.ts';
import type { ReadableLog, VerdictLookup } from '../reading/ports.ts';
import {
  controlEvents,
  deliveryEvents,
  triggerEventAt,
  triggerEvents,
  type Found,
} from './events.ts';
import { controlLine, deliveryLine, triggerLine, type StoryLine } from './lines.ts';
import { sentenceOf, type Facts } from './sentence.ts';

/** What explaining reads. */
export type ExplainSources = {
  readonly log: Pick<ReadableLog, 'readStream'>;
  readonly kernel: string;
  readonly verdicts: VerdictLookup;
};

/** The notification that a decision stands on: the one that was sent, or the one that held the window. */
export type SentNotificationView = {
  readonly id: string;
  readonly triggerId: string;
  readonly happenedAt: string;
  readonly recordedAt: string;
  readonly position: string;
  readonly sequence: string | null;
};

/** What was decided about a trigger's request for a notification, and on what it stands. */
export type DecisionView = {
  readonly verdict: VerdictRow['verdict'];
  readonly reason: string;
  readonly meaning: string;
  /** Where in the log it was decided. */
  readonly position: string;
  readonly ruleset: number;
  /** The dedupe policy in force there. */
  readonly policy: string;
  readonly windowStart: string | null;
  /** The notification's id and its place in the output stream, where one was sent. */
  readonly notificationId: string | null;
  readonly sequence: string | null;
  /** The notice that holds the window: its own, or the one that stood in its way. */
  readonly notice: SentNotificationView | null;
};

/** A request that was suppressed because of a notice. */
export type SuppressedView = {
  readonly triggerId: string;
  readonly happenedAt: string;
  readonly recordedAt: string;
  readonly position: string;
  readonly reason: string;
};

/** A story as of an instant. */
export type AsOf = {
  readonly at: string;
  /** What the log held then. */
  readonly known: readonly StoryLine[];
  /** What had happened by then, but was recorded later. */
  readonly happenedUnknown: readonly StoryLine[];
  /** The sentence as it had to be then; null when nothing was known. */
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
  /** Requests behind the same notice; the nearest ten. */
  readonly suppressed: readonly SuppressedView[];
  /** True when there are, or may be, more of them. */
  readonly suppressedMore: boolean;
  readonly sentence: string;
  readonly asOf: AsOf | null;
};

/** Verdicts of a user that are looked through for those behind a notice; and how many of them are shown. */
const MAX_NEIGHBOURS = 200;
const MAX_SUPPRESSED = 10;

/**
 * Explains a trigger (`ast_…`), a preview (`asp_…`) or a notification (its id).
 *
 * @param at also tells what was known at that instant, and what had happened by then
 * @throws TocsinError `usage` when the id leads nowhere
 */
export async function explain(
  sources: ExplainSources,
  id: string,
  at?: Instant,
): Promise<Explanation> {
  const { log, kernel, verdicts } = sources;
  const place = parseOccurrenceId(kernel, id);
  if (place !== undefined) return explainOccurrence(sources, place.stream, place.occurrence, at);
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
  const raised = events.map(({ event }) => event).find(isRaised)?.data;
  if (raised === undefined) throw notFound(occurrenceId('ast', stream, occurrence));
  const control = await controlEvents(log, kernel);
  const request = events.findLast(({ event }) => event.type === 'NotificationRequested');
  const row = request && decisionOf(sources, request, control);
  const noticeId = row?.messageId ?? (row?.verdict === 'suppressed' ? row.basis : null);
  const notice = noticeId === null ? undefined : await noticeOf(sources, noticeId);
  const deliveries =
    notice === undefined ? [] : await deliveryEvents(log, kernel, raised.userId, notice.id);
  const { shown, more } = await suppressedBehind(sources, raised.userId, notice, row);
  const inForce = control.filter(
    ({ event, recorded }) =>
      isInForce(event, raised.triggerType) && isUpTo(recorded.position, row?.position),
  );
  const isOwn = noticeId === row?.messageId;
  const holder = notice !== undefined && !isOwn ? [notice.request] : [];
  const lines = [
    ...inForce.map(controlLine),
    ...[...events, ...holder].map(triggerLine),
    ...deliveries.map(deliveryLine),
  ];
  const facts = factsOf(
    raised,
    events,
    row,
    notice?.data.triggerRequestedAt,
    isOwn ? deliveries : [],
  );
  return {
    triggerId: raised.triggerId,
    userId: raised.userId,
    triggerType: raised.triggerType,
    mock: raised.mockNow !== undefined,
    story: inOrder(lines),
    decision: row === undefined ? null : decisionView(row, control, raised.triggerType, notice),
    suppressed: shown,
    suppressedMore: more,
    sentence: sentenceOf(facts),
    asOf:
      at === undefined
        ? null
        : asOf(at, inOrder(lines), () => {
            const known = events.filter(({ metadata }) => metadata.recordedAt <= at);
            if (!known.some(({ event }) => event.type === 'TriggerRaised')) return null;
            const knownDeliveries =
              facts.deliveries.length === 0
                ? []
                : deliveries.filter(({ metadata }) => metadata.recordedAt <= at);
            return sentenceOf(factsOf(raised, known, row, facts.holderAt, knownDeliveries));
          }),
  };
}

type Notice = {
  readonly id: string;
  readonly row: VerdictRow;
  readonly request: Found<TriggerEvent>;
  readonly data: TriggerEventData<'NotificationRequested'>;
};

async function noticeOf(
  { log, verdicts }: ExplainSources,
  id: string,
): Promise<Notice | undefined> {
  const row = verdicts.verdictOfMessage(id);
  const request = row && (await triggerEventAt(log, row.stream, row.revision));
  if (row === undefined || request?.event.type !== 'NotificationRequested') return undefined;
  return { id, row, request, data: request.event.data };
}

/** A request that was parked and decided again has its verdict at the operator's decision. */
function decisionOf(
  { verdicts }: ExplainSources,
  { recorded }: Found<TriggerEvent>,
  control: readonly Found<ControlEvent>[],
): VerdictRow | undefined {
  const again = control
    .filter(({ event }) => event.type === 'ParkResolved' && event.data.event === recorded.id)
    .map((found) => found.recorded.position);
  return [recorded.position, ...again]
    .map((position) => verdicts.verdictAt(position))
    .findLast((row) => row?.event === recorded.id);
}

async function suppressedBehind(
  { log, verdicts }: ExplainSources,
  user: string,
  notice: Notice | undefined,
  own: VerdictRow | undefined,
): Promise<{ readonly shown: readonly SuppressedView[]; readonly more: boolean }> {
  const windowStart = notice?.row.windowStart;
  if (notice === undefined || windowStart === null || windowStart === undefined) {
    return { shown: [], more: false };
  }
  const near = verdicts.verdictsAbout(user, {
    direction: 'forwards',
    windowStart,
    limit: MAX_NEIGHBOURS,
  });
  const behind = near.filter(
    ({ verdict, basis, event }) =>
      verdict === 'suppressed' && basis === notice.id && event !== own?.event,
  );
  const shown: SuppressedView[] = [];
  for (const row of behind.slice(0, MAX_SUPPRESSED)) {
    const found = await triggerEventAt(log, row.stream, row.revision);
    if (found?.event.type !== 'NotificationRequested') continue;
    shown.push({
      triggerId: found.event.data.triggerId,
      happenedAt: formatInstant(found.event.data.triggerRequestedAt),
      recordedAt: formatInstant(found.metadata.recordedAt),
      position: formatPosition(row.position),
      reason: row.reason,
    });
  }
  return { shown, more: behind.length > MAX_SUPPRESSED || near.length === MAX_NEIGHBOURS };
}

function decisionView(
  row: VerdictRow,
  control: readonly Found<ControlEvent>[],
  triggerType: string,
  notice: Notice | undefined,
): DecisionView {
  const { verdict, reason, position, ruleset, windowStart, messageId, sequence } = row;
  const inForce = policiesAt(
    control.flatMap(({ event, recorded }) =>
      isPolicyEvent(event) ? [{ event, position: recorded.position }] : [],
    ),
    position,
  );
  const muted = mutedUntil(inForce, triggerType);
  const mute =
    reason === 'silenced' && muted !== undefined ? `, muted until ${formatInstant(muted)}` : '';
  return {
    verdict,
    reason,
    meaning: meaningOf(reason),
    position: formatPosition(position),
    ruleset,
    policy: `${formatPolicy(policyFor(inForce, triggerType))}${mute}`,
    windowStart: windowStart === null ? null : formatInstant(windowStart),
    notificationId: messageId,
    sequence: sequence === null ? null : String(sequence),
    notice: notice === undefined ? null : noticeView(notice),
  };
}

function noticeView({ id, row, request, data }: Notice): SentNotificationView {
  return {
    id,
    triggerId: data.triggerId,
    happenedAt: formatInstant(data.triggerRequestedAt),
    recordedAt: formatInstant(request.metadata.recordedAt),
    position: formatPosition(row.position),
    sequence: row.sequence === null ? null : String(row.sequence),
  };
}

function factsOf(
  raised: TriggerEventData<'TriggerRaised'>,
  events: readonly Found<TriggerEvent>[],
  decision: VerdictRow | undefined,
  holderAt: Instant | undefined,
  deliveries: readonly Found<DeliveryEvent>[],
): Facts {
  const types = new Set(events.map(({ event }) => event.type));
  return {
    raised,
    ending: types.has('TriggerClosed')
      ? 'closed'
      : types.has('TriggerRejected')
        ? 'rejected'
        : 'open',
    isRequested: types.has('NotificationRequested'),
    decision,
    holderAt,
    deliveries: deliveries.map(({ event }) => event),
  };
}

function asOf(at: Instant, lines: readonly StoryLine[], sentence: () => string | null): AsOf {
  const then = formatInstant(at);
  return {
    at: then,
    // The form is fixed and in UTC, so its texts are in the order of time.
    known: lines.filter(({ recordedAt }) => recordedAt <= then),
    happenedUnknown: lines.filter(
      ({ recordedAt, happenedAt }) =>
        recordedAt > then && happenedAt !== null && happenedAt <= then,
    ),
    sentence: sentence(),
  };
}

function inOrder(lines: readonly StoryLine[]): readonly StoryLine[] {
  const place = ({ position }: StoryLine): bigint => BigInt(position.split('/')[0] ?? '0');
  return lines.toSorted((a, b) => {
    const [left, right] = [place(a), place(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  });
}

function isUpTo(position: Position, end: Position | undefined): boolean {
  return end === undefined || comparePositions(position, end) <= 0;
}

/** What of the control stream bears on a decision about a type. */
function isInForce({ type, data }: ControlEvent, triggerType: string): boolean {
  if (type === 'RulesetActivated') return true;
  if (!('triggerType' in data)) return false;
  return data.triggerType === triggerType || data.triggerType === '*';
}

type PolicyEvent = Extract<
  ControlEvent,
  { type: 'NotificationPolicySet' | 'NotificationsMuted' | 'NotificationsUnmuted' }
>;

function isPolicyEvent(event: ControlEvent): event is PolicyEvent {
  return (
    event.type === 'NotificationPolicySet' ||
    event.type === 'NotificationsMuted' ||
    event.type === 'NotificationsUnmuted'
  );
}

function isRaised(event: TriggerEvent): event is Extract<TriggerEvent, { type: 'TriggerRaised' }> {
  return event.type === 'TriggerRaised';
}

function meaningOf(reason: string): string {
  const all: Readonly<Record<string, string>> = {
    ...REASONS.published,
    ...REASONS.suppressed,
    ...REASONS.parked,
  };
  return all[reason] ?? reason;
}

function notFound(id: string): TocsinError {
  return new TocsinError('usage', 'not_found', `${id} leads to no trigger and no notification`, {
    hint: 'Give a trigger id (ast_…), a preview id (asp_…) or a notification id, or ask with --user and --at. Check --store, --state and --name; what was just raised is known when the projector has passed it.',
  });
}

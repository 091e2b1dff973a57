// An explanation in one sentence that support can forward: in plain words, in UTC, without ids or personal data.
import { formatInstant, type Instant } from '../../../domain/core/instants.ts';
import { effectOf } from '../../../domain/delivery/effects.ts';
import type { DeliveryEvent } from '../../../domain/delivery/events.ts';
import type { TriggerEvent, TriggerEventData } from '../../../domain/trigger/events.ts';
import type { VerdictRow } from '../../read-model.ts';

export type Facts = {
  readonly raised: TriggerEventData<'TriggerRaised'>;
  readonly events: readonly TriggerEvent[];
  readonly decision: VerdictRow | undefined;
  /** When the notification that held the window was requested. */
  readonly holderAt: Instant | undefined;
  readonly deliveries: readonly DeliveryEvent[];
};

export function sentenceOf(facts: Facts): string {
  const { raised, decision } = facts;
  const what = `${words(raised.triggerType)} about ${words(raised.targetType)} ${raised.targetId}`;
  const when = inWords(raised.mockNow ?? raised.requestedAt);
  const test = raised.mockNow === undefined ? '' : ' (a test)';
  const subject = `For ${what}, ${when}${test},`;
  const types = new Set(facts.events.map(({ type }) => type));
  if (!types.has('NotificationRequested')) {
    const because = `${subject} no notification was requested, because the trigger was`;
    if (types.has('TriggerClosed')) return `${because} closed.`;
    if (types.has('TriggerRejected')) return `${because} rejected.`;
    if (types.has('TriggerCancelled')) return `${because} cancelled.`;
    return `${subject} no notification has been requested yet.`;
  }
  if (decision === undefined) {
    return `${subject} a notification was requested, and whether it is sent is not decided yet.`;
  }
  switch (decision.verdict) {
    case 'published':
      return `${subject} a notification was sent${whySent(decision.reason)}${delivered(facts.deliveries)}.`;
    case 'suppressed':
      return `${subject} no notification was sent, because ${whyNot(decision.reason, facts.holderAt)}.`;
    case 'parked':
      return `${subject} no notification was sent: the request could not be processed (${words(decision.reason)}) and waits for an operator.`;
  }
}

function whySent(reason: string): string {
  if (reason === 'reopened') return ', because the notification before it had not arrived';
  if (reason === 'severity_rose') return ', because it had become more urgent';
  return '';
}

function whyNot(reason: string, holderAt: Instant | undefined): string {
  const held =
    holderAt === undefined ? 'another notification' : `the notification of ${inWords(holderAt)}`;
  switch (reason) {
    case 'within_window':
      return `${held} had already been sent within the same time window`;
    case 'rate_budget':
      return `the most notifications allowed in that time had already been sent, ${held} being the last`;
    case 'bypass_cap':
      return `${held} had already been sent, and no more urgent notifications were allowed in that time`;
    case 'silenced':
      return 'notifications of this kind were muted at that time';
    case 'stale':
      return 'the event was reported too long after it had happened';
    default:
      return `of ${words(reason)}`;
  }
}

function delivered(events: readonly DeliveryEvent[]): string {
  const {
    phase,
    reason = '',
    doubtful = false,
  } = events
    .filter(({ type }) => type !== 'DeliveryDeferred')
    .map(effectOf)
    .findLast((effect) => effect.phase !== undefined) ?? {};
  switch (phase?.status) {
    case undefined:
      return '; whether it was delivered is not recorded';
    case 'delivered':
      return `, and delivered at attempt ${phase.attempt}`;
    case 'skipped':
      return `, but not delivered (${words(reason)})`;
    case 'dead':
      return `, but could not be delivered (${words(reason)})${doubtful ? ', although an attempt may have arrived' : ''}`;
    case 'expired':
      return ', but not delivered before it expired';
    case 'cancelled':
      return ', and cancelled before it was delivered';
    case 'waiting':
      return doubtful ? ', and whether it arrived is not known' : ', and its delivery is under way';
    case 'attempting':
      return ', and its delivery is under way';
  }
}

/** `2026-04-30 02:17 UTC`. */
function inWords(instant: Instant): string {
  return `${formatInstant(instant).slice(0, 16).replace('T', ' ')} UTC`;
}

function words(name: string): string {
  return name.replaceAll('_', ' ');
}

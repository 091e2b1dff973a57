// Events as lines of a story, for people who do not know the code.
import { match } from 'ts-pattern';
import type { ControlEvent } from '../../../domain/control/events.ts';
import { formatInstant, type Instant } from '../../../domain/core/instants.ts';
import { formatPosition } from '../../../domain/core/positions.ts';
import type { DeliveryEvent } from '../../../domain/delivery/events.ts';
import { formatPolicy } from '../../../domain/policy/text.ts';
import type { TriggerEvent } from '../../../domain/trigger/events.ts';
import type { Found } from './events.ts';

/** One thing that happened. */
export type StoryLine = {
  /** When the kernel stamped it, and when the producer says that it happened, where it says so. */
  readonly recordedAt: string;
  readonly happenedAt: string | null;
  /** Who did it, where the event says so. */
  readonly actor: string | null;
  readonly position: string;
  readonly stream: string;
  readonly revision: string;
  readonly type: string;
  readonly text: string;
};

/** A trigger's event as a line. */
export function triggerLine(found: Found<TriggerEvent>): StoryLine {
  const { event } = found;
  const happenedAt =
    event.type === 'TriggerRaised' || event.type === 'DuplicateRaised'
      ? event.data.requestedAt
      : event.type === 'NotificationRequested'
        ? event.data.triggerRequestedAt
        : null;
  return lineOf(found, triggerText(event), happenedAt);
}

/** A delivery's event as a line. */
export function deliveryLine(found: Found<DeliveryEvent>): StoryLine {
  return lineOf(found, deliveryText(found.event));
}

/** A control event as a line. */
export function controlLine(found: Found<ControlEvent>): StoryLine {
  return lineOf(found, controlText(found.event));
}

function lineOf(
  { recorded, metadata, event }: Found<{ readonly type: string }>,
  text: string,
  happenedAt: Instant | null = null,
): StoryLine {
  return {
    recordedAt: formatInstant(metadata.recordedAt),
    happenedAt: happenedAt === null ? null : formatInstant(happenedAt),
    actor: metadata.actor ?? null,
    position: formatPosition(recorded.position),
    stream: recorded.stream,
    revision: String(recorded.revision),
    type: event.type,
    text,
  };
}

// What is not named here (a newer version's event, say) is still told of by its type.
function triggerText({ type, data }: TriggerEvent): string {
  switch (type) {
    case 'TriggerRaised':
      return `${data.triggerType} about ${data.targetType} ${data.targetId} was raised (${data.source})${data.mockNow === undefined ? '' : ', as a test with mock time'}`;
    case 'PreviewOffered':
      return `a ${data.kind} was offered, until ${formatInstant(data.expiresAt)}`;
    case 'NotificationRequested':
      return `a notification by ${data.channel} was asked for, until ${formatInstant(data.expiresAt)}`;
    case 'TriggerClosed':
      return `it was closed: ${data.reason}`;
    case 'TriggerRejected':
      return `it was rejected (${data.code}): ${data.reason}`;
    case 'DuplicateRaised':
      return `it was raised again while it was open; nothing new came of that`;
    default:
      return type;
  }
}

function deliveryText(event: DeliveryEvent): string {
  return match(event)
    .with(
      { type: 'NotificationAccepted' },
      ({ data }) => `the delivery worker took it over, for ${data.channel}`,
    )
    .with({ type: 'AttemptStarted' }, ({ data }) => `attempt ${data.attempt} began`)
    .with(
      { type: 'AttemptSucceeded' },
      ({ data }) =>
        `attempt ${data.attempt} arrived${data.providerMessageId === undefined ? '' : ` (${data.providerMessageId})`}${data.late === true ? ', after its lease' : ''}`,
    )
    .with(
      { type: 'AttemptFailed' },
      ({ data }) =>
        `attempt ${data.attempt} failed: ${data.code}${detail(data.detail)}${data.nextAt === undefined ? '' : `; next at ${formatInstant(data.nextAt)}`}`,
    )
    .with(
      { type: 'AttemptOutcomeUnknown' },
      ({ data }) =>
        `nobody knows how attempt ${data.attempt} ended: ${data.code}${detail(data.detail)}`,
    )
    .with(
      { type: 'DeliveryDeferred' },
      ({ data }) => `put off until ${formatInstant(data.until)}: ${data.reason}`,
    )
    .with({ type: 'DeliverySkipped' }, ({ data }) => `not delivered: ${data.reason}`)
    .with(
      { type: 'DeliveryDied' },
      ({ data }) => `given up: ${data.reason}${detail(data.detail)}${doubt(data.doubtful)}`,
    )
    .with(
      { type: 'DeliveryExpired' },
      ({ data }) => `it expired undelivered${doubt(data.doubtful)}`,
    )
    .with({ type: 'DeliveryCancelled' }, ({ data }) => `called off: ${data.reason}`)
    .with({ type: 'DeliveryRedriven' }, ({ data }) => `sent again: ${data.reason}`)
    .exhaustive();
}

function controlText({ type, data }: ControlEvent): string {
  switch (type) {
    case 'RulesetActivated':
      return `ruleset ${data.ruleset} came into force`;
    case 'NotificationPolicySet':
      return `the policy for ${data.triggerType} became: ${formatPolicy(data.policy)} (${data.reason})`;
    case 'NotificationsMuted':
      return `${data.triggerType} was muted until ${formatInstant(data.until)} (${data.reason})`;
    case 'NotificationsUnmuted':
      return `${data.triggerType} was unmuted (${data.reason})`;
    case 'ParkResolved':
      return `${data.action} of a parked event was decided${detail(data.reason)}`;
    default:
      return type;
  }
}

function detail(text: string | undefined): string {
  return text === undefined ? '' : ` (${text})`;
}

function doubt(doubtful: boolean): string {
  return doubtful ? ', though an attempt may have arrived' : '';
}

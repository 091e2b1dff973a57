// Events as lines of text, for people who do not know the code.
import type { ControlEvent } from '../../../domain/control/events.ts';
import { formatInstant, type Instant } from '../../../domain/core/instants.ts';
import { formatPosition } from '../../../domain/core/positions.ts';
import type { DeliveryEvent } from '../../../domain/delivery/events.ts';
import { formatPolicy } from '../../../domain/policy/text.ts';
import type { TriggerEvent } from '../../../domain/trigger/events.ts';
import type { Found } from './events.ts';

/** One event as a line. */
export type StoryLine = {
  /** When the kernel recorded the event; and when it happened, where the producer says so. */
  readonly recordedAt: string;
  readonly happenedAt: string | null;
  /** Who caused the event, where the event says so. */
  readonly actor: string | null;
  readonly position: string;
  readonly stream: string;
  readonly revision: string;
  readonly type: string;
  readonly text: string;
};

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

export function deliveryLine(found: Found<DeliveryEvent>): StoryLine {
  return lineOf(found, deliveryText(found.event));
}

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

// An event that is not named here, of a newer version for example, is shown by its type.
function triggerText({ type, data }: TriggerEvent): string {
  switch (type) {
    case 'TriggerRaised':
      return `${data.triggerType} about ${data.targetType} ${data.targetId} was raised (${data.source})${data.mockNow === undefined ? '' : ', as a test with mock time'}`;
    case 'PreviewOffered':
      return `a ${data.kind} was offered until ${formatInstant(data.expiresAt)}${removedLinks(data.linksRemoved)}`;
    case 'NotificationRequested':
      return `a notification by ${data.channel} was requested, valid until ${formatInstant(data.expiresAt)}`;
    case 'TriggerClosed':
      return `the trigger was closed: ${data.reason}`;
    case 'TriggerRejected':
      return `the trigger was rejected (${data.code}): ${data.reason}`;
    case 'TriggerCancelled':
      return `the trigger was cancelled${detail(data.personal.detail)}`;
    case 'PreviewEnded':
      return `its preview ended: ${data.ending}`;
    case 'DuplicateRaised':
      return `the trigger was raised again while it was open; nothing new was recorded`;
    default:
      return type;
  }
}

function removedLinks(count = 0): string {
  if (count === 0) return '';
  return `; ${count === 1 ? '1 link was' : `${count} links were`} removed from its summary`;
}

function deliveryText({ type, data }: DeliveryEvent): string {
  switch (type) {
    case 'NotificationAccepted':
      return `the delivery worker accepted it for ${data.channel}`;
    case 'AttemptStarted':
      return `attempt ${data.attempt} started`;
    case 'AttemptSucceeded':
      return `attempt ${data.attempt} succeeded${detail(data.providerMessageId)}${data.late === true ? ', after its lease had ended' : ''}`;
    case 'AttemptFailed':
      return `attempt ${data.attempt} failed: ${data.code}${detail(data.detail)}${data.nextAt === undefined ? '' : `; next at ${formatInstant(data.nextAt)}`}`;
    case 'AttemptOutcomeUnknown':
      return `the outcome of attempt ${data.attempt} is unknown: ${data.code}${detail(data.detail)}`;
    case 'DeliveryDeferred':
      return `deferred until ${formatInstant(data.until)}: ${data.reason}`;
    case 'DeliverySkipped':
      return `not delivered: ${data.reason}`;
    case 'DeliveryDied':
      return `given up: ${data.reason}${detail(data.detail)}${doubt(data.doubtful)}`;
    case 'DeliveryExpired':
      return `it expired undelivered${doubt(data.doubtful)}`;
    case 'DeliveryCancelled':
      return `cancelled: ${data.reason}${doubt(data.doubtful === true)}`;
    case 'DeliveryRedriven':
      return `redriven: ${data.reason}`;
  }
}

function controlText({ type, data }: ControlEvent): string {
  switch (type) {
    case 'RulesetActivated':
      return `ruleset ${data.ruleset} was activated`;
    case 'NotificationPolicySet':
      return `the policy for ${data.triggerType} was set to ${formatPolicy(data.policy)} (${data.reason})`;
    case 'NotificationsMuted':
      return `${data.triggerType} was muted until ${formatInstant(data.until)} (${data.reason})`;
    case 'NotificationsUnmuted':
      return `${data.triggerType} was unmuted (${data.reason})`;
    case 'RequestReleased':
      return `an operator released the muted request (${data.reason})`;
    case 'ParkResolved':
      return `an operator decided to ${data.action} a parked event${detail(data.reason)}`;
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

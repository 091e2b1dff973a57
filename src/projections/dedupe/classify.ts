// Classifies each event of the log by what the fold does with it.
import { controlCodec, type ControlEventData } from '../../domain/control/events.ts';
import {
  controlUnreadable,
  dropKey,
  droppedBy,
  isDroppable,
  type DropKey,
} from '../../domain/control/unreadable.ts';
import type { DecodeFault } from '../../domain/core/codec.ts';
import type { EventMetadata } from '../../domain/core/envelope.ts';
import { categoryPrefix, controlStream } from '../../domain/core/ids.ts';
import { effectOf, WINDOW_EVENT_TYPES } from '../../domain/delivery/effects.ts';
import { DELIVERY_EVENTS, deliveryCodec } from '../../domain/delivery/events.ts';
import type { PolicyEvent } from '../../domain/policy/in-force.ts';
import { isTombstone, type RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { ApplyOutcomeEvent } from '../../domain/preview/events.ts';
import {
  TRIGGER_EVENTS,
  triggerCodec,
  type TriggerEventData,
} from '../../domain/trigger/events.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { SentNotificationRef } from '../read-model.ts';

export type ClassifiedEvent = { readonly recorded: RecordedEvent } & (
  | Decoded<'triggered', TriggerEventData<'TriggerRaised'>>
  | Decoded<'request', TriggerEventData<'NotificationRequested'>>
  | Decoded<'resolved', ControlEventData<'ParkResolved'>>
  | Decoded<'request_released', ControlEventData<'RequestReleased'>>
  | {
      readonly kind: 'applied';
      readonly event: ApplyOutcomeEvent;
      readonly metadata: EventMetadata;
    }
  | { readonly kind: 'ruleset'; readonly ruleset: number }
  | { readonly kind: 'policy'; readonly change: PolicyEvent }
  /** A delivery that ended without reaching the person, or that begins again. */
  | { readonly kind: 'undelivered' | 'redriven'; readonly ref: SentNotificationRef }
  | { readonly kind: 'poison'; readonly fault: DecodeFault }
  /** Affects nothing here. */
  | { readonly kind: 'pass' }
  | { readonly kind: 'unknown' }
);

type Decoded<K extends string, D> = {
  readonly kind: K;
  readonly data: D;
  readonly metadata: EventMetadata;
};

export type Classified<K extends ClassifiedEvent['kind']> = Extract<
  ClassifiedEvent,
  { readonly kind: K }
>;

const KNOWN_TYPES: ReadonlySet<string> = new Set(Object.keys(TRIGGER_EVENTS));
const MESSAGE_TYPES: ReadonlySet<string> = new Set([
  'TriggerRaised',
  'NotificationRequested',
  'ApplySucceeded',
  'ApplyFailed',
]);
const DELIVERY_TYPES: ReadonlySet<string> = new Set(Object.keys(DELIVERY_EVENTS));
/** The stream prefixes whose events the projection reads. */
export function projectionPrefixes(kernel: string): readonly string[] {
  return [
    controlStream(kernel),
    categoryPrefix(kernel, 'trigger'),
    categoryPrefix(kernel, 'notification'),
  ];
}

/**
 * Classifies events; reads the control stream ahead where one of its events cannot be read: the event may be dropped
 * later.
 * @throws TocsinError `control_unreadable`: a control event could change verdicts, so it must be readable
 */
export async function classifyAll(
  kernel: string,
  log: Pick<EventStore, 'readStream'>,
  events: readonly RecordedEvent[],
): Promise<readonly ClassifiedEvent[]> {
  const isUnreadable = (recorded: RecordedEvent): boolean =>
    recorded.stream === controlStream(kernel) && controlCodec.decode(recorded).kind === 'fault';
  const dropped = events.some(isUnreadable) ? await droppedEvents(kernel, log) : undefined;
  return events.map((recorded) => classify(kernel, recorded, dropped));
}

async function droppedEvents(
  kernel: string,
  log: Pick<EventStore, 'readStream'>,
): Promise<ReadonlySet<DropKey>> {
  const keys = new Set<DropKey>();
  for await (const page of log.readStream(controlStream(kernel), { direction: 'forwards' })) {
    for (const recorded of page) {
      const decoded = controlCodec.decode(recorded);
      const key = decoded.kind === 'event' ? droppedBy(decoded.event, recorded) : undefined;
      if (key !== undefined) keys.add(key);
    }
  }
  return keys;
}

/** Classifies one event, as {@link classifyAll}. */
export function classify(
  kernel: string,
  recorded: RecordedEvent,
  dropped?: ReadonlySet<DropKey>,
): ClassifiedEvent {
  if (isTombstone(recorded)) return { kind: 'pass', recorded };
  if (recorded.stream === controlStream(kernel)) return classifyControl(recorded, dropped);
  if (!recorded.stream.startsWith(categoryPrefix(kernel, 'trigger'))) {
    return recorded.stream.startsWith(categoryPrefix(kernel, 'notification'))
      ? classifyDelivery(recorded)
      : { kind: 'pass', recorded };
  }
  // Known events that make no message need no decoding.
  if (KNOWN_TYPES.has(recorded.type) && !MESSAGE_TYPES.has(recorded.type)) {
    return { kind: 'pass', recorded };
  }
  const decoded = triggerCodec.decode(recorded);
  if (decoded.kind === 'fault') return { kind: 'poison', recorded, fault: decoded.fault };
  if (decoded.kind === 'unknown') return { kind: 'unknown', recorded };
  const { event, metadata } = decoded;
  switch (event.type) {
    case 'TriggerRaised':
      return { kind: 'triggered', recorded, data: event.data, metadata };
    case 'NotificationRequested':
      return { kind: 'request', recorded, data: event.data, metadata };
    case 'ApplySucceeded':
    case 'ApplyFailed':
      return { kind: 'applied', recorded, event, metadata };
    default:
      return { kind: 'pass', recorded };
  }
}

function classifyDelivery(recorded: RecordedEvent): ClassifiedEvent {
  if (DELIVERY_TYPES.has(recorded.type) && !WINDOW_EVENT_TYPES.has(recorded.type)) {
    return { kind: 'pass', recorded };
  }
  const decoded = deliveryCodec.decode(recorded);
  if (decoded.kind === 'fault') return { kind: 'poison', recorded, fault: decoded.fault };
  if (decoded.kind === 'unknown') return { kind: 'unknown', recorded };
  const { event } = decoded;
  const { window } = effectOf(event);
  if (window === undefined) return { kind: 'pass', recorded };
  const kind = window === 'released' ? 'undelivered' : 'redriven';
  const { notificationId: id, userId: user, triggerType, mock } = event.data;
  return { kind, recorded, ref: { id, user, triggerType, mock } };
}

function classifyControl(recorded: RecordedEvent, dropped?: ReadonlySet<DropKey>): ClassifiedEvent {
  const decoded = controlCodec.decode(recorded);
  if (decoded.kind === 'unknown') return { kind: 'unknown', recorded };
  if (decoded.kind === 'fault') {
    const isDropped = dropped?.has(dropKey(recorded)) === true && isDroppable(decoded.fault);
    if (isDropped) return { kind: 'pass', recorded };
    throw controlUnreadable(recorded, decoded.fault);
  }
  const { event, metadata } = decoded;
  switch (event.type) {
    case 'RulesetActivated':
      return { kind: 'ruleset', recorded, ruleset: event.data.ruleset };
    case 'ParkResolved':
      return { kind: 'resolved', recorded, data: event.data, metadata };
    case 'RequestReleased':
      return { kind: 'request_released', recorded, data: event.data, metadata };
    case 'NotificationPolicySet':
    case 'NotificationsMuted':
    case 'NotificationsUnmuted':
      return { kind: 'policy', recorded, change: event };
    default:
      return { kind: 'pass', recorded };
  }
}

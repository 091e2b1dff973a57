// Classifies each event of the log: what the fold has to do with it.
import { controlCodec, type ControlEventData } from '../../domain/control/events.ts';
import type { DecodeFault } from '../../domain/core/codec.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import type { EventMetadata } from '../../domain/core/envelope.ts';
import { categoryPrefix, controlStream } from '../../domain/core/ids.ts';
import { effectOf, WINDOW_EVENT_TYPES } from '../../domain/delivery/effects.ts';
import { DELIVERY_EVENTS, deliveryCodec } from '../../domain/delivery/events.ts';
import type { PolicyEvent } from '../../domain/policy/in-force.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { ApplyOutcomeEvent } from '../../domain/preview/events.ts';
import {
  TRIGGER_EVENTS,
  triggerCodec,
  type TriggerEventData,
} from '../../domain/trigger/events.ts';
import type { SentNotificationRef } from '../read-model.ts';

export type ClassifiedEvent = { readonly recorded: RecordedEvent } & (
  | Decoded<'triggered', TriggerEventData<'TriggerRaised'>>
  | Decoded<'request', TriggerEventData<'NotificationRequested'>>
  | Decoded<'resolved', ControlEventData<'ParkResolved'>>
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
 * Classifies one event.
 * @throws TocsinError `control_unreadable`: a control event could change verdicts, so it must be readable
 */
export function classify(kernel: string, recorded: RecordedEvent): ClassifiedEvent {
  if (recorded.stream === controlStream(kernel)) return classifyControl(recorded);
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

function classifyControl(recorded: RecordedEvent): ClassifiedEvent {
  const decoded = controlCodec.decode(recorded);
  if (decoded.kind === 'unknown') return { kind: 'unknown', recorded };
  if (decoded.kind === 'fault') {
    const { code, detail } = decoded.fault;
    const where = `event ${recorded.revision} of ${recorded.stream} (${recorded.type})`;
    throw new TocsinError('refused', 'control_unreadable', `${where}: ${code}, ${detail}`, {
      hint: 'A newer version may have written it: run that version or a later one.',
    });
  }
  const { event, metadata } = decoded;
  switch (event.type) {
    case 'RulesetActivated':
      return { kind: 'ruleset', recorded, ruleset: event.data.ruleset };
    case 'ParkResolved':
      return { kind: 'resolved', recorded, data: event.data, metadata };
    case 'NotificationPolicySet':
    case 'NotificationsMuted':
    case 'NotificationsUnmuted':
      return { kind: 'policy', recorded, change: event };
    default:
      return { kind: 'pass', recorded };
  }
}

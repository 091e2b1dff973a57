// Policies, mutes and delivery endings as tests put them into a log.
import { deliveryStream } from '../../src/domain/delivery/stream.ts';
import { deliveryCodec, type DeliveryEvent } from '../../src/domain/delivery/events.ts';
import type { Policy } from '../../src/domain/policy/policy.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';
import type { SentNotification } from '../../src/projections/read-model.ts';
import { appendControlEvent, appendRaw } from './log-edits.ts';
import type { World } from './world.ts';

/** Sets a policy, without the checks that an operator's has to pass. */
export function setPolicy(store: EventStore, policy: Policy, triggerType = '*'): Promise<void> {
  return appendControlEvent(store, {
    type: 'NotificationPolicySet',
    data: { triggerType, policy, reason: 'test' },
  });
}

type Ending = 'DeliveryDied' | 'DeliveryExpired' | 'DeliveryRedriven' | 'DeliverySkipped';

/** Ends the delivery of a notification, or begins it again. */
export async function endDelivery(
  store: EventStore,
  notification: Pick<SentNotification, 'id' | 'user' | 'triggerType' | 'mock'>,
  type: Ending,
  doubtful = false,
): Promise<void> {
  const { id: notificationId, user: userId, triggerType, mock } = notification;
  const about = { notificationId, userId, triggerType, mock };
  const at = Date.UTC(2026, 0, 1, 10);
  const ids = { correlationId: 'test', causationId: 'test', commandId: 'test' };
  const event = eventOf(type, about, doubtful);
  const encoded = deliveryCodec.encode(event, { recordedAt: at, ...ids }, 'unused');
  const { data, metadata } = encoded;
  const stream = deliveryStream('tocsin', userId, notificationId);
  await appendRaw(store, stream, { type, data, metadata });
}

type About = { notificationId: string; userId: string; triggerType: string; mock: boolean };

function eventOf(type: Ending, about: About, doubtful: boolean): DeliveryEvent {
  switch (type) {
    case 'DeliveryDied':
      return { type, data: { ...about, reason: 'permanent_http', doubtful } };
    case 'DeliveryExpired':
      return { type, data: { ...about, doubtful } };
    case 'DeliveryRedriven':
      return { type, data: { ...about, reason: 'test' } };
    case 'DeliverySkipped':
      return { type, data: { ...about, reason: 'no_channel' } };
  }
}

/** Verdict and reason of every request, in order. */
export const verdictsOf = ({ file }: World): string[] =>
  file.snapshot().verdicts.map(({ verdict, reason }) => `${verdict} ${reason}`);

/** The notifications that were published, in order. */
export const sentNotificationsOf = ({ file }: World): readonly SentNotification[] =>
  file.snapshot().sentNotifications;

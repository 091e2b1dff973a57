// The stream of a delivery: its id is the notification id.
import { categoryPrefix, userShare } from '../core/ids.ts';
import type { UserId } from '../core/identity.ts';

/** `{kernel}.notification-{pp}-{notification id}`. */
export function deliveryStream(kernel: string, user: UserId, notificationId: string): string {
  return `${categoryPrefix(kernel, 'notification')}${userShare(user)}-${notificationId}`;
}

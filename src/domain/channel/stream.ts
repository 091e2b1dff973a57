// The stream of a channel: one per user and channel.
import type { UserId } from '../core/identity.ts';
import { userStream } from '../core/ids.ts';
import { joinKey } from '../core/keys.ts';
import type { AddressChannel } from './address.ts';

/** `{kernel}.channel-{pp}-{uuid}`. */
export function channelStream(kernel: string, user: UserId, channel: AddressChannel): string {
  return userStream(kernel, 'channel', user, joinKey(user, channel));
}

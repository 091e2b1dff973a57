// The dedupe key of a sent notification: names the window that it opened. Contracts and the digest of a replay show it.
import { formatInstantSeconds, type Instant } from '../core/instants.ts';
import { joinKey } from '../core/keys.ts';
import type { KeyedPer } from './per.ts';
import type { Policy } from './policy.ts';
import { isPerTarget, type Subject } from './windows.ts';

/** A sent notification, as far as its key shows it. */
export type KeyedNotification = Subject & {
  /** The notification's id. */
  readonly id: string;
  readonly per: KeyedPer;
  readonly windowStart: Instant;
};

export function keyedPer(policy: Policy): KeyedPer {
  if (policy.kind === 'none') return 'request';
  return isPerTarget(policy) ? 'target' : 'user';
}

/**
 * `{user}:{triggerType}:{windowStart}`, with `{targetType}:{targetId}` before the window under a policy per target.
 * Without windows it is `{user}:{triggerType}:{notificationId}`, so that each notification has a key of its own.
 */
export function dedupeKeyOf(sent: KeyedNotification): string {
  const { user, triggerType, targetType, targetId, per, windowStart, id } = sent;
  // The instant is not encoded: it always ends the key.
  if (per === 'request') return joinKey(user, triggerType, id);
  const target = per === 'target' ? [targetType, targetId] : [];
  return `${joinKey(user, triggerType, ...target)}:${formatInstantSeconds(windowStart)}`;
}

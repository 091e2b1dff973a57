// Release: a notification that never reached the person stops holding its window.
import type { Policy } from './policy.ts';
import { covers, instantOf, type PastNotification, type Subject } from './windows.ts';

/** Releases of one window, at most. */
export const MAX_RELEASES = 2;

/** True when an undelivered notification holds its window, and the window has releases left. */
export function mayRelease(
  policy: Policy,
  subject: Subject,
  undelivered: PastNotification,
  sent: readonly PastNotification[],
): boolean {
  if (undelivered.released) return false;
  const at = instantOf(policy, undelivered);
  const releases = sent
    .filter(
      (other) =>
        covers(policy, subject, other, at) ||
        covers(policy, subject, undelivered, instantOf(policy, other)),
    )
    .reduce((sum, other) => sum + other.releases, 0);
  return releases < MAX_RELEASES;
}

// Release: a notification that never reached the person stops holding its window (W22).
import type { Policy } from './policy.ts';
import { covers, instantOf, type PastNotification, type Subject } from './windows.ts';

/** How often one window may be released. */
export const MAX_RELEASES = 2;

/**
 * True when a notice that ended undelivered is to stop counting: it holds its window, and the window
 * was not released too often. A channel that fails for good would otherwise be tried for every request.
 *
 * @param notices the notices of the same user and type; at least those within `neighbourhoodOf(…)`
 */
export function mayRelease(
  policy: Policy,
  subject: Subject,
  notice: PastNotification,
  notices: readonly PastNotification[],
): boolean {
  if (notice.released) return false;
  const at = instantOf(policy, notice);
  const releases = notices
    .filter(
      (other) =>
        covers(policy, subject, other, at) ||
        covers(policy, subject, notice, instantOf(policy, other)),
    )
    .reduce((sum, other) => sum + other.releases, 0);
  return releases < MAX_RELEASES;
}

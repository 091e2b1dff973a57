// How old events must be before an archive may take them.
import { DEFAULT_POLICY, type Policy } from '../policy/policy.ts';
import type { Instant } from '../core/instants.ts';
import type { ControlState } from './state.ts';

/** Readers that follow the log rely on it: what they have not read yet is younger, or they ask for new archives. */
export const MIN_ARCHIVE_AGE_MS = 24 * 60 * 60 * 1000;

/** How far a policy looks back or ahead, in milliseconds. */
function reachOf(policy: Policy): number {
  const stale = policy.staleAfterMs ?? 0;
  switch (policy.kind) {
    case 'none':
      return stale;
    case 'session':
      return policy.maxMs + stale;
    default:
      return policy.windowMs + stale;
  }
}

/**
 * The latest time before which events may be archived: older than any window of a policy that was ever in force, and of
 * the triggers' scopes.
 *
 * @param windows the lengths of the scopes' windows in milliseconds
 */
export function latestArchiveTime(
  { policyChanges }: Pick<ControlState, 'policyChanges'>,
  windows: readonly number[],
  now: Instant,
): Instant {
  const reaches = policyChanges.flatMap(({ event }) =>
    event.type === 'NotificationPolicySet' ? [reachOf(event.data.policy)] : [],
  );
  return now - Math.max(MIN_ARCHIVE_AGE_MS, reachOf(DEFAULT_POLICY), ...windows, ...reaches);
}

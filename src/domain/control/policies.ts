// Decides changes of policies and mutes.
import { z } from 'zod';
import { formatInstant, type Instant } from '../core/instants.ts';
import { err, ok, type Result } from '../core/result.ts';
import { evolvePolicies, NO_POLICIES, type PoliciesInForce } from '../policy/in-force.ts';
import { checkPolicy } from '../policy/policy.ts';
import { formatPolicy } from '../policy/text.ts';
import { issuesOf, rejection, rejectionWith, type RejectionOf } from '../core/input.ts';
import { ReasonSchema, TypeOrAnySchema, type ControlEvent } from './events.ts';
import type { ControlState } from './state.ts';

/** A change from outside; `decidePolicies` validates it. */
export type PolicyCommand = { readonly triggerType: unknown; readonly reason: unknown } & (
  | { readonly kind: 'set'; readonly policy: unknown }
  | { readonly kind: 'mute'; readonly until: Instant }
  | { readonly kind: 'unmute' }
);

/** Why a change was refused; stable codes. */
export type PolicyRejection = RejectionOf<
  'policy_invalid' | 'mute_invalid' | 'invalid_field' | 'unknown_trigger_type'
>;

/** Longest mute; a longer one would be forgotten. */
export const MAX_MUTE_MS = 31 * 24 * 60 * 60 * 1000;

/** Decides a change. An empty list of events means that it is in force already. */
export function decidePolicies(
  state: ControlState,
  command: PolicyCommand,
  context: { readonly recordedAt: Instant },
): Result<readonly ControlEvent[], PolicyRejection> {
  const about = AboutSchema.safeParse(command);
  if (!about.success) return err(rejectionWith('invalid_field', issuesOf(about.error)));
  const { triggerType, reason } = about.data;
  const inForce = state.policyChanges.reduce(
    (before, { event }) => evolvePolicies(before, event),
    NO_POLICIES,
  );
  switch (command.kind) {
    case 'set': {
      const policy = checkPolicy(command.policy);
      if (!policy.ok) return err(rejectionWith('policy_invalid', policy.error));
      const before = inForce.policies.get(triggerType);
      const isSame = before !== undefined && formatPolicy(before) === formatPolicy(policy.value);
      if (isSame) return ok([]);
      const data = { triggerType, policy: policy.value, reason };
      return ok([{ type: 'NotificationPolicySet', data }]);
    }
    case 'mute': {
      const { until } = command;
      const issue = wrongUntil(until, context.recordedAt);
      if (issue !== undefined) return err(rejection('mute_invalid', 'until', issue));
      if (inForce.mutes.get(triggerType) === until) return ok([]);
      return ok([{ type: 'NotificationsMuted', data: { triggerType, until, reason } }]);
    }
    case 'unmute':
      return isMuted(inForce, triggerType, context.recordedAt)
        ? ok([{ type: 'NotificationsUnmuted', data: { triggerType, reason } }])
        : ok([]);
  }
}

const AboutSchema = z.object({
  triggerType: TypeOrAnySchema,
  reason: ReasonSchema,
});

function isMuted({ mutes }: PoliciesInForce, triggerType: string, now: Instant): boolean {
  const until = mutes.get(triggerType);
  return until !== undefined && now < until;
}

function wrongUntil(until: Instant, now: Instant): string | undefined {
  if (!Number.isInteger(until)) return 'must be an instant';
  if (until <= now) return `must be later than now, ${formatInstant(now)}`;
  const last = now + MAX_MUTE_MS;
  if (until <= last) return undefined;
  return `must be at most 31 days ahead, ${formatInstant(last)}: a longer mute would be forgotten; set a policy instead`;
}

// The policies and mutes in force at a position in the log.
import { match } from 'ts-pattern';
import { comparePositions, type Position } from '../core/positions.ts';
import type { Instant } from '../core/instants.ts';
import { DEFAULT_POLICY, type Policy } from './policy.ts';

/** Stands for every trigger type that has no policy of its own. */
export const ANY_TYPE = '*';

/** The events of the control stream that change the policies in force. */
export type PolicyEvent =
  | {
      readonly type: 'NotificationPolicySet';
      readonly data: { readonly triggerType: string; readonly policy: Policy };
    }
  | {
      readonly type: 'NotificationsMuted';
      readonly data: { readonly triggerType: string; readonly until: Instant };
    }
  | {
      readonly type: 'NotificationsUnmuted';
      readonly data: { readonly triggerType: string };
    };

/** By trigger type; {@link ANY_TYPE} stands for all others. */
export type PoliciesInForce = {
  readonly policies: ReadonlyMap<string, Policy>;
  /** The end of each mute; ended mutes stay in the map. */
  readonly mutes: ReadonlyMap<string, Instant>;
};

export const NO_POLICIES: PoliciesInForce = { policies: new Map(), mutes: new Map() };

/** Total. */
export function evolvePolicies(state: PoliciesInForce, event: PolicyEvent): PoliciesInForce {
  return match(event)
    .with({ type: 'NotificationPolicySet' }, ({ data: { triggerType, policy } }) => ({
      ...state,
      policies: new Map(state.policies).set(triggerType, policy),
    }))
    .with({ type: 'NotificationsMuted' }, ({ data: { triggerType, until } }) => ({
      ...state,
      mutes: new Map(state.mutes).set(triggerType, until),
    }))
    .with({ type: 'NotificationsUnmuted' }, ({ data: { triggerType } }) => ({
      ...state,
      mutes: new Map([...state.mutes].filter(([type]) => type !== triggerType)),
    }))
    .exhaustive();
}

export function policiesAt(
  changes: readonly { readonly event: PolicyEvent; readonly position: Position }[],
  position: Position,
): PoliciesInForce {
  return changes
    .filter((change) => comparePositions(change.position, position) <= 0)
    .reduce((state, { event }) => evolvePolicies(state, event), NO_POLICIES);
}

export function policyFor({ policies }: PoliciesInForce, triggerType: string): Policy {
  return policies.get(triggerType) ?? policies.get(ANY_TYPE) ?? DEFAULT_POLICY;
}

/** The end of the latest mute of a type; undefined when it was never muted. */
export function mutedUntil({ mutes }: PoliciesInForce, triggerType: string): Instant | undefined {
  if (mutes.size === 0) return undefined;
  const until = Math.max(mutes.get(triggerType) ?? -1, mutes.get(ANY_TYPE) ?? -1);
  return until === -1 ? undefined : until;
}

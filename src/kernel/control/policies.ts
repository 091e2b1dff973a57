// Policies of a log: set, mute, and what was set before, by whom and why.
import { controlCodec, type ControlEvent } from '../../domain/control/events.ts';
import type { ControlState } from '../../domain/control/state.ts';
import {
  decidePolicies,
  type PolicyCommand,
  type PolicyRejection,
} from '../../domain/control/policies.ts';
import { controlStream } from '../../domain/core/ids.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { Position } from '../../domain/core/positions.ts';
import { ok } from '../../domain/core/result.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import {
  ANY_TYPE,
  policiesAt,
  type PoliciesInForce,
  type PolicyEvent,
} from '../../domain/policy/in-force.ts';
import { DEFAULT_POLICY, type Policy, type PolicyInput } from '../../domain/policy/policy.ts';
import { controlDecider } from './control.ts';
import type { Decide, KernelContext } from '../decider/decider.ts';

/** What became of a change. `unchanged`: it was so already, and nothing was written. */
export type PolicyResult =
  | { readonly outcome: 'changed'; readonly position: Position | undefined }
  | { readonly outcome: 'unchanged' }
  | ({ readonly outcome: 'rejected' } & PolicyRejection);

/** One change of policies or mutes, as the log has it. */
export type PolicyHistoryEntry = PolicyEvent & {
  readonly reason: string;
  readonly actor: string | undefined;
  readonly recordedAt: Instant;
  readonly position: Position;
};

/** The policies and mutes that a log is under. */
export type PolicyView = {
  /** By trigger type; `*` stands for all others, and is always there. */
  readonly policies: ReadonlyMap<string, Policy>;
  /** Mutes that are not over yet, by trigger type: until when. */
  readonly mutes: ReadonlyMap<string, Instant>;
};

/** Who changes policies. */
export type PolicyCall = { readonly actor?: string };

/** Changes and shows what decides whether a notification is let through. */
export interface Policies {
  /**
   * Sets the policy of a trigger type, or with `*` of all that have none of their own. It counts for
   * requests after its place in the log.
   */
  set(
    change: { readonly triggerType: string; readonly policy: PolicyInput; readonly reason: string },
    call?: PolicyCall,
  ): Promise<PolicyResult>;
  /** Suppresses requests that are recorded before `until`, at most 31 days ahead. */
  mute(
    change: { readonly triggerType: string; readonly until: Date; readonly reason: string },
    call?: PolicyCall,
  ): Promise<PolicyResult>;
  /** Ends a mute before its time. */
  unmute(
    change: { readonly triggerType: string; readonly reason: string },
    call?: PolicyCall,
  ): Promise<PolicyResult>;
  /** What is in force now. */
  show(): Promise<PolicyView>;
  /** Every change that was ever made, in order. */
  history(): Promise<readonly PolicyHistoryEntry[]>;
}

/** Policies over a log. */
export function createPolicies(context: KernelContext): Policies {
  const { store, kernel, runtime } = context;
  return {
    set: (change, call) => changePolicies(context, { kind: 'set', ...change }, call),
    mute: ({ until, ...change }, call) =>
      changePolicies(context, { kind: 'mute', ...change, until: until.getTime() }, call),
    unmute: (change, call) => changePolicies(context, { kind: 'unmute', ...change }, call),
    show: async () => viewOf(await policyHistory(store, kernel), runtime.now()),
    history: () => policyHistory(store, kernel),
  };
}

/** Every change of policies that a log holds, in order. */
export async function policyHistory(
  store: Pick<EventStore, 'readStream'>,
  kernel: string,
): Promise<readonly PolicyHistoryEntry[]> {
  const entries: PolicyHistoryEntry[] = [];
  for await (const page of store.readStream(controlStream(kernel), { direction: 'forwards' })) {
    for (const recorded of page) {
      const decoded = controlCodec.decode(recorded);
      if (decoded.kind !== 'event') continue;
      const { event, metadata } = decoded;
      switch (event.type) {
        case 'NotificationPolicySet':
        case 'NotificationsMuted':
        case 'NotificationsUnmuted': {
          const { actor, recordedAt } = metadata;
          const { reason } = event.data;
          entries.push({ ...event, reason, actor, recordedAt, position: recorded.position });
          break;
        }
        default:
          break;
      }
    }
  }
  return entries;
}

/** What a history amounts to at an instant. */
export function viewOf(history: readonly PolicyHistoryEntry[], now: Instant): PolicyView {
  const last = history.at(-1);
  const changes = history.map((entry) => ({ event: entry, position: entry.position }));
  const inForce: PoliciesInForce | undefined = last && policiesAt(changes, last.position);
  const policies = new Map([[ANY_TYPE, DEFAULT_POLICY], ...(inForce?.policies ?? [])]);
  const mutes = new Map([...(inForce?.mutes ?? [])].filter(([, until]) => now < until));
  return { policies, mutes };
}

/**
 * Changes policies or mutes, or says why not.
 * @throws TocsinError `control_unwritable` when the store gives no answer or refuses
 */
export async function changePolicies(
  context: KernelContext,
  command: PolicyCommand,
  call?: PolicyCall,
): Promise<PolicyResult> {
  const decide: Decide<ControlState, ControlEvent, boolean, PolicyRejection> = (state, at) => {
    const decision = decidePolicies(state, command, at);
    if (!decision.ok) return decision;
    return ok({ events: decision.value, answer: decision.value.length > 0 });
  };
  const stream = controlStream(context.kernel);
  const result = await controlDecider.transactOrThrow(context, stream, decide, call);
  if (!result.ok) return { outcome: 'rejected', ...result.error };
  const { answer: changed, position } = result.value;
  return changed ? { outcome: 'changed', position } : { outcome: 'unchanged' };
}

// Policies of a log: set, mute, unmute, and the history of these changes.
import type { ControlEvent } from '../../domain/control/events.ts';
import type { ControlState } from '../../domain/control/state.ts';
import {
  decidePolicies,
  type PolicyCommand,
  type PolicyRejection,
} from '../../domain/control/policies.ts';
import { controlStream } from '../../domain/core/ids.ts';
import type { Instant } from '../../domain/core/instants.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import { InstantInput, rejection } from '../../domain/core/input.ts';
import { ok } from '../../domain/core/result.ts';
import { ANY_TYPE, policiesAt, type PoliciesInForce } from '../../domain/policy/in-force.ts';
import { DEFAULT_POLICY, type Policy, type PolicyInput } from '../../domain/policy/policy.ts';
import { controlDecider } from './control.ts';
import { releaseRequest, type ReleaseResult } from './release.ts';
import { knownControl } from './known-control.ts';
import {
  policyHistory,
  type PolicyHistoryEntry,
  type RecordedPolicyChange,
} from './policy-history.ts';
import type { Call, CommandCall, Decide, KernelContext } from '../decider/decider.ts';

/** The result of a change. `unchanged`: already in force, and nothing was written. */
export type PolicyResult =
  | {
      readonly outcome: 'changed';
      /** The position of the change as `commit/prepare`. */
      readonly position?: string;
    }
  | { readonly outcome: 'unchanged' }
  | ({ readonly outcome: 'rejected' } & PolicyRejection);

/** The policies and mutes in force. */
export type PolicyView = {
  /** By trigger type; `*` stands for all other types, and is always present. */
  readonly policies: Readonly<Record<string, Policy>>;
  /** The end of each current mute, by trigger type. */
  readonly mutes: Readonly<Record<string, Instant>>;
};

/** Who changes policies, for the record. */
export type PolicyCall = Pick<Call, 'actor'>;

type Change = { readonly triggerType: string; readonly reason: string };

/** Changes and shows the policies that decide which notifications are published. */
export interface Policies {
  /**
   * Sets the policy of a trigger type, or with `*` of all types without a policy of their own. It applies to
   * requests after its position in the log.
   */
  set(change: Change & { readonly policy: PolicyInput }, call?: PolicyCall): Promise<PolicyResult>;
  /** Suppresses requests that are recorded before `until`, a Date or RFC 3339 text, at most 31 days ahead. */
  mute(
    change: Change & { readonly until: Date | string },
    call?: PolicyCall,
  ): Promise<PolicyResult>;
  /** Ends a mute early. */
  unmute(change: Change, call?: PolicyCall): Promise<PolicyResult>;
  /**
   * Lets a request through that a mute has suppressed, before it expires. The projection decides it again at this point
   * of the log: a notification that holds its window suppresses it.
   *
   * @param release.request the id of its trigger (`ast_…`) or preview (`asp_…`)
   * @returns `rejected` with `not_muted`, `expired` or `invalid_field`; `unchanged` when it was released before
   */
  release(
    release: { readonly request: string; readonly reason: string },
    call?: PolicyCall,
  ): Promise<ReleaseResult>;
  /** The policies and mutes in force now. */
  show(): Promise<PolicyView>;
  /** Every change, in order. */
  history(): Promise<readonly PolicyHistoryEntry[]>;
}

/** @param types the trigger types that are defined: a policy or mute of another type is refused */
export function createPolicies(context: KernelContext, types: readonly string[]): Policies {
  const { store, kernel, runtime } = context;
  const control = knownControl(context);
  /** A first read that fails is no failure of the call: the decider waits out an outage, and names its error. */
  const attempt = () => control.read().catch(() => undefined);
  const historyNow = async () => (await attempt())?.history ?? (await policyHistory(store, kernel));
  const known = new Set<unknown>([ANY_TYPE, ...types]);
  const changeNow = async (command: PolicyCommand, call?: PolicyCall): Promise<PolicyResult> =>
    changePolicies(context, command, { ...call, loaded: (await attempt())?.loaded });
  const change = (command: PolicyCommand, call?: PolicyCall): Promise<PolicyResult> => {
    if (known.has(command.triggerType)) return changeNow(command, call);
    const message = `is not one of ${[...known].join(', ')}`;
    const error = rejection('unknown_trigger_type', 'triggerType', message);
    return Promise.resolve({ outcome: 'rejected', ...error } as const);
  };
  return {
    set: (given, call) => change({ kind: 'set', ...given }, call),
    mute: ({ until, ...given }, call) => {
      const end = InstantInput.safeParse(until);
      if (end.success) return change({ kind: 'mute', ...given, until: end.data }, call);
      const [{ message } = { message: 'is no instant' }] = end.error.issues;
      const error = rejection('mute_invalid', 'until', message);
      return Promise.resolve({ outcome: 'rejected', ...error } as const);
    },
    unmute: (change, call) => changeNow({ kind: 'unmute', ...change }, call),
    release: (release, call) => releaseRequest(context, release, call),
    show: async () => viewOf(await historyNow(), runtime.now()),
    history: async () =>
      (await historyNow()).map((entry) => ({
        ...entry,
        position: formatPosition(entry.position),
      })),
  };
}

/** The policies and mutes that a history leads to at an instant. */
export function viewOf(history: readonly RecordedPolicyChange[], now: Instant): PolicyView {
  const last = history.at(-1);
  const changes = history.map((entry) => ({ event: entry, position: entry.position }));
  const inForce: PoliciesInForce | undefined = last && policiesAt(changes, last.position);
  const mutes = [...(inForce?.mutes ?? [])].filter(([, until]) => now < until);
  return {
    policies: { [ANY_TYPE]: DEFAULT_POLICY, ...Object.fromEntries(inForce?.policies ?? []) },
    mutes: Object.fromEntries(mutes),
  };
}

/** Changes policies or mutes, or returns the reason for refusing; throws when the store gives no answer. */
export async function changePolicies(
  context: KernelContext,
  command: PolicyCommand,
  call?: PolicyCall & Pick<CommandCall<ControlState>, 'loaded'>,
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
  if (!changed) return { outcome: 'unchanged' };
  return position === undefined
    ? { outcome: 'changed' }
    : { outcome: 'changed', position: formatPosition(position) };
}

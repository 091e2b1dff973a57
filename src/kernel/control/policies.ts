// Policies of a log: set, mute, and what was set before, by whom and why.
import { controlCodec } from '../../domain/control/events.ts';
import {
  decidePolicies,
  type PolicyCommand,
  type PolicyRejection,
} from '../../domain/control/policies.ts';
import { controlStream } from '../../domain/core/ids.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { Position } from '../../domain/core/positions.ts';
import { ok } from '../../domain/core/result.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import {
  ANY_TYPE,
  policiesAt,
  type PoliciesInForce,
  type PolicyEvent,
} from '../../domain/policy/in-force.ts';
import { DEFAULT_POLICY, type Policy, type PolicyInput } from '../../domain/policy/policy.ts';
import { controlAggregate, type ControlWriter } from './control.ts';
import { execute } from '../decider/execute.ts';

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
export function createPolicies(writer: ControlWriter): Policies {
  const { store, kernel, now } = writer;
  const change = (command: PolicyCommand, call: PolicyCall = {}) =>
    changePolicies({ ...writer, actor: call.actor ?? writer.actor }, command);
  return {
    set: (wanted, call) => change({ kind: 'set', ...wanted }, call),
    mute: ({ until, ...wanted }, call) =>
      change({ kind: 'mute', ...wanted, until: until.getTime() }, call),
    unmute: (wanted, call) => change({ kind: 'unmute', ...wanted }, call),
    show: async () => viewOf(await policyHistory(store, kernel), now()),
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
  writer: ControlWriter,
  command: PolicyCommand,
): Promise<PolicyResult> {
  const commandId = writer.newId();
  const ids = { commandId, correlationId: commandId, causationId: commandId };
  const result = await execute(writer, {
    aggregate: controlAggregate,
    stream: controlStream(writer.kernel),
    metadata: { ...ids, actor: writer.actor },
    decide: (state, context) => {
      const decision = decidePolicies(state, command, context);
      if (!decision.ok) return decision;
      return ok({ events: decision.value, answer: decision.value.length > 0 });
    },
  });
  switch (result.kind) {
    case 'done':
      return result.answer
        ? { outcome: 'changed', position: result.position }
        : { outcome: 'unchanged' };
    case 'rejected':
      return { outcome: 'rejected', ...result.rejection };
    default:
      throw new TocsinError('unavailable', 'control_unwritable', `control stream: ${result.kind}`, {
        hint: 'The event store gave no answer or refused; check it, see `tocsin policy history`, try again.',
      });
  }
}

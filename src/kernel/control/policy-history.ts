// The recorded changes of policies and mutes, from the control stream.
import { controlCodec } from '../../domain/control/events.ts';
import { controlStream } from '../../domain/core/ids.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { Position } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { PolicyEvent } from '../../domain/policy/in-force.ts';

/** One recorded change of policies or mutes, as a library call gives it. */
export type PolicyHistoryEntry = PolicyEvent & {
  readonly reason: string;
  readonly actor: string | undefined;
  readonly recordedAt: Instant;
  /** The position of the change as `commit/prepare`. */
  readonly position: string;
};

/** One recorded change of policies or mutes. */
export type RecordedPolicyChange = PolicyEvent & {
  readonly reason: string;
  readonly actor: string | undefined;
  readonly recordedAt: Instant;
  readonly position: Position;
};

export async function policyHistory(
  store: Pick<EventStore, 'readStream'>,
  kernel: string,
): Promise<readonly RecordedPolicyChange[]> {
  const entries: RecordedPolicyChange[] = [];
  for await (const page of store.readStream(controlStream(kernel), { direction: 'forwards' })) {
    entries.push(...page.map(historyEntry).filter((entry) => entry !== undefined));
  }
  return entries;
}

/** The entry of an event of the control stream; `undefined` when it is no change of policies. */
export function historyEntry(recorded: RecordedEvent): RecordedPolicyChange | undefined {
  const decoded = controlCodec.decode(recorded);
  if (decoded.kind !== 'event') return undefined;
  const { event, metadata } = decoded;
  const { type } = event;
  if (
    type !== 'NotificationPolicySet' &&
    type !== 'NotificationsMuted' &&
    type !== 'NotificationsUnmuted'
  ) {
    return undefined;
  }
  const { actor, recordedAt } = metadata;
  const { reason } = event.data;
  return { ...event, reason, actor, recordedAt, position: recorded.position };
}

// Releases a request that a mute has suppressed: appends an event to the control stream. At this event the
// projection decides the request again.
import type { ControlEvent } from '../../domain/control/events.ts';
import {
  decideRelease,
  type ReleaseRejection,
  type RequestToRelease,
} from '../../domain/control/release.ts';
import type { ControlState } from '../../domain/control/state.ts';
import { controlStream, parseOccurrenceId } from '../../domain/core/ids.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import { ok } from '../../domain/core/result.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { triggerCodec } from '../../domain/trigger/events.ts';
import type { Call, Decide, KernelContext } from '../decider/decider.ts';
import { controlDecider } from './control.ts';

/** The result of a release. `unchanged`: it was released before, and nothing was written. */
export type ReleaseResult =
  | {
      readonly outcome: 'released';
      /** The position of the release as `commit/prepare`. */
      readonly position?: string;
    }
  | { readonly outcome: 'unchanged' }
  /** No trigger with that id has requested a notification. */
  | { readonly outcome: 'not_found' }
  | ({ readonly outcome: 'rejected' } & ReleaseRejection);

/** A request by the id of its trigger or preview, or by its place in the log. */
export type RequestName = string | { readonly stream: string; readonly revision: bigint };

/** Releases a request, or returns the reason for refusing; throws when the store gives no answer. */
export async function releaseRequest(
  context: KernelContext,
  { request, reason }: { readonly request: RequestName; readonly reason: unknown },
  call?: Pick<Call, 'actor'>,
): Promise<ReleaseResult> {
  const { store, kernel } = context;
  const found = await findRequest(store, kernel, request);
  if (found === undefined) return { outcome: 'not_found' };
  const decide: Decide<ControlState, ControlEvent, boolean, ReleaseRejection> = (state, at) => {
    const decision = decideRelease(state, found, reason, at);
    if (!decision.ok) return decision;
    return ok({ events: decision.value, answer: decision.value.length > 0 });
  };
  const result = await controlDecider.transactOrThrow(context, controlStream(kernel), decide, call);
  if (!result.ok) return { outcome: 'rejected', ...result.error };
  const { answer: released, position } = result.value;
  if (!released) return { outcome: 'unchanged' };
  return position === undefined
    ? { outcome: 'released' }
    : { outcome: 'released', position: formatPosition(position) };
}

type Found = RequestToRelease & { readonly triggerId: string };

async function findRequest(
  store: Pick<EventStore, 'readStream'>,
  kernel: string,
  name: RequestName,
): Promise<Found | undefined> {
  const place = typeof name === 'string' ? parseOccurrenceId(kernel, name) : name;
  if (place === undefined) return undefined;
  const from = 'revision' in place ? place.revision : 0n;
  let last: Found | undefined;
  for await (const page of store.readStream(place.stream, { direction: 'forwards', from })) {
    for (const recorded of page) {
      const event = eventOf(recorded);
      if (last === undefined && 'revision' in place && event?.type !== 'NotificationRequested') {
        return undefined;
      }
      if (event?.data.triggerId === last?.triggerId && event?.type === 'TriggerCancelled') {
        last = last && { ...last, cancelled: true };
      }
      if (event?.type !== 'NotificationRequested') continue;
      if ('revision' in place && recorded.revision !== place.revision) continue;
      const { id, stream, revision, position } = recorded;
      const { triggerId, triggerType, expiresAt, occurrence } = event.data;
      if ('occurrence' in place && occurrence !== place.occurrence) continue;
      const { recordedAt } = event;
      const about = { recordedAt, triggerId, triggerType, expiresAt, cancelled: false };
      last = { event: id, stream, revision, position, ...about };
    }
  }
  return last;
}

function eventOf(recorded: RecordedEvent) {
  const decoded = triggerCodec.decode(recorded);
  if (decoded.kind !== 'event') return undefined;
  return { ...decoded.event, recordedAt: decoded.metadata.recordedAt };
}

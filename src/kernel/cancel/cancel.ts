// Cancels triggers whose reason has gone. The event of the trigger decides: a delivery with an attempt under way
// reads it before its next attempt. Deliveries that wait, or that no worker has accepted yet, are ended here at
// once, so that the next request finds the window released.
import { messageId, parseOccurrenceId } from '../../domain/core/ids.ts';
import { rejection } from '../../domain/core/input.ts';
import { valueOf } from '../../domain/core/result.ts';
import type { DeliveryEventData } from '../../domain/delivery/events.ts';
import type { DeliveryStatus } from '../../domain/delivery/effects.ts';
import { RETRY_PROFILES } from '../../domain/delivery/retry-schedule.ts';
import { deliveryStream } from '../../domain/delivery/stream.ts';
import {
  decideCancel,
  parseCancel,
  type CancelDecision,
  type CancelRejection,
} from '../../domain/trigger/cancel.ts';
import { triggerCodec } from '../../domain/trigger/events.ts';
import { occurrenceOf } from '../../domain/trigger/state.ts';
import type { Call } from '../decider/decider.ts';
import { changeDelivery, deliveryDecider } from '../processes/delivery/delivery-decider.ts';
import { factsOf, NOTIFICATION_RULE } from '../processes/delivery/read-request.ts';
import type { RaiseContext } from '../raise/prepare.ts';
import { triggerDecider } from '../raise/trigger-decider.ts';
import { triggersAbout } from './triggers-about.ts';

/** One trigger that a cancellation is about. */
export type CancelledTrigger = {
  readonly triggerId: string;
  readonly userId: string;
  /**
   * `unchanged`: it had ended before. `apply_in_progress`: its preview is being applied; nothing was written.
   */
  readonly status: Exclude<CancelDecision, 'not_found'>;
  /**
   * Its notification now. `cancelled`: it is not sent. `delivered`: it was sent before and stays sent. `attempting`: a
   * call is under way and may still arrive; there is no further attempt. `none`: no notification was requested, or it is a
   * mock one.
   */
  readonly delivery: DeliveryStatus | 'none';
};

/** The result of a cancellation. `unchanged`: nothing was written, because nothing was open. */
export type CancelResult =
  | {
      readonly outcome: 'cancelled' | 'unchanged';
      readonly triggers: readonly CancelledTrigger[];
    }
  /** No trigger has that id, or it is another user's. */
  | { readonly outcome: 'not_found' }
  | ({ readonly outcome: 'rejected' } & CancelRejection);

/** No rule matters to a withdrawal. */
const RULES = { profile: RETRY_PROFILES.human, onUnknown: 'resend' } as const;

type Named = { readonly stream: string; readonly occurrence: number };

/** Cancels; a repeat completes a call that ended between two appends. @throws TocsinError `unavailable` */
export async function cancel(
  context: RaiseContext,
  input: unknown,
  call: Call = {},
): Promise<CancelResult> {
  const parsed = parseCancel(input);
  if (!parsed.ok) return { outcome: 'rejected', ...parsed.error };
  const request = parsed.value;
  if ('triggerId' in request) {
    const found = parseOccurrenceId(context.kernel, request.triggerId);
    const one = found && (await cancelOne(context, found, request, call));
    return one === undefined ? { outcome: 'not_found' } : resultOf([one]);
  }
  const definition = context.definitions.get(request.triggerType);
  if (definition === undefined) {
    const message = 'is not defined in this kernel';
    return { outcome: 'rejected', ...rejection('unknown_trigger_type', 'triggerType', message) };
  }
  const triggers: CancelledTrigger[] = [];
  for await (const found of triggersAbout(context, request, definition)) {
    const one = await cancelOne(context, found, request, call);
    if (one !== undefined) triggers.push(one);
  }
  return resultOf(triggers);
}

function resultOf(triggers: readonly CancelledTrigger[]): CancelResult {
  const isChanged = triggers.some(({ status }) => status === 'cancelled');
  return { outcome: isChanged ? 'cancelled' : 'unchanged', triggers };
}

async function cancelOne(
  context: RaiseContext,
  { stream, occurrence }: Named,
  { userId, reason }: { readonly userId?: string | undefined; readonly reason: string },
  call: Call,
): Promise<CancelledTrigger | undefined> {
  const command = { occurrence, userId, reason };
  const { answer: status } = valueOf(
    await triggerDecider.transactOrThrow(
      context,
      stream,
      (state, at) => decideCancel(state, command, at),
      call,
    ),
  );
  if (status === 'not_found') return undefined;
  const { state } = await triggerDecider.load(context.store, stream);
  const found = occurrenceOf(state, occurrence);
  if (found === undefined) return undefined;
  const { triggerId, userId: owner } = found.raised;
  const about = { triggerId, userId: owner, status };
  const facts = await requestFacts(context, { stream, occurrence });
  if (facts === undefined || facts.mock) return { ...about, delivery: 'none' };
  const record = deliveryStream(context.kernel, owner, facts.notificationId);
  const records = { ...context, rules: RULES, actor: call.actor ?? 'kernel' };
  if (found.status === 'cancelled') {
    await changeDelivery(records, record, { kind: 'withdraw', facts });
  }
  const { state: delivery } = await deliveryDecider.load(context.store, record);
  return { ...about, delivery: delivery?.phase.status ?? 'none' };
}

/** What a delivery says of the notification that a trigger requests. */
async function requestFacts(
  { store }: RaiseContext,
  { stream, occurrence }: Named,
): Promise<DeliveryEventData<'NotificationAccepted'> | undefined> {
  for await (const page of store.readStream(stream, { direction: 'forwards' })) {
    for (const recorded of page) {
      if (recorded.type !== 'NotificationRequested') continue;
      const decoded = triggerCodec.decode(recorded);
      if (decoded.kind !== 'event' || decoded.event.type !== 'NotificationRequested') continue;
      const request = decoded.event.data;
      if (request.occurrence !== occurrence) continue;
      const notificationId = messageId(recorded.id, NOTIFICATION_RULE);
      return factsOf({ notificationId, event: recorded, request });
    }
  }
  return undefined;
}

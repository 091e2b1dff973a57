// The next step of a delivery. The worker only carries it out: it reads what the step asks for, appends
// what the step says, or makes the attempt.
import type { Instant } from '../core/instants.ts';
import type { Result } from '../core/result.ts';
import type { Json } from '../core/json.ts';
import type { NotificationRequest } from '../notification/events.ts';
import type { DeliveryCommand } from './decide.ts';
import type { DeliveryEventData } from './events.ts';
import type { Delivery, DeliveryState } from './state.ts';

type AcceptedData = DeliveryEventData<'NotificationAccepted'>;
/** The request as the log has it, with how its preview ended; or why the log has no such request. */
export type RequestFacts = Result<
  {
    readonly request: NotificationRequest;
    /** The payload of its trigger. */
    readonly payload: Json | undefined;
    readonly previewEnding: string | undefined;
  },
  string
>;

export type ChannelFacts =
  | { readonly kind: 'closed'; readonly reason: string }
  /** The limits of the channel do not allow a call before `until`. */
  | { readonly kind: 'busy'; readonly until: Instant; readonly reason: string }
  | { readonly kind: 'open' };

export type NextStep =
  /** The delivery has ended, or nothing was accepted. */
  | { readonly kind: 'none' }
  | { readonly kind: 'wait'; readonly until: Instant }
  /** Decide again with the request. */
  | { readonly kind: 'read_request'; readonly source: AcceptedData['source'] }
  /** Decide again with the channel. */
  | { readonly kind: 'look_up_channel'; readonly delivery: AcceptedData }
  | {
      readonly kind: 'make_attempt';
      readonly attempt: number;
      readonly delivery: Delivery;
      readonly request: NotificationRequest;
      readonly payload: Json | undefined;
    }
  /** Append the events of this command. */
  | Extract<
      DeliveryCommand,
      { kind: 'expire_lease' | 'defer' | 'skip' | 'expire' | 'cancel' | 'withdraw' | 'give_up' }
    >;

/** Decides what a worker does about a delivery; `undefined` request or channel: not read yet. */
export function nextStep(
  record: DeliveryState,
  request: RequestFacts | undefined,
  channel: ChannelFacts | undefined,
  now: Instant,
): NextStep {
  if (record === undefined) return { kind: 'none' };
  const { phase, facts } = record;
  if (phase.status !== 'waiting' && phase.status !== 'attempting') return { kind: 'none' };
  if (now < phase.dueAt) return { kind: 'wait', until: phase.dueAt };
  if (phase.status === 'attempting') return { kind: 'expire_lease', attempt: phase.attempt };
  if (now >= facts.expiresAt) return { kind: 'expire' };

  if (request === undefined) return { kind: 'read_request', source: facts.source };
  if (!request.ok) {
    const detail = `in the log: ${request.error}`;
    return { kind: 'give_up', reason: 'request_unreadable', detail };
  }
  const { previewEnding } = request.value;
  if (previewEnding === 'expired') return { kind: 'expire' };
  if (previewEnding === 'cancelled') return { kind: 'withdraw' };
  if (previewEnding !== undefined) return { kind: 'cancel', reason: `preview_${previewEnding}` };

  switch (channel?.kind) {
    case undefined:
      return { kind: 'look_up_channel', delivery: facts };
    case 'closed':
      return { kind: 'skip', reason: channel.reason };
    case 'busy':
      return { kind: 'defer', until: channel.until, reason: channel.reason };
    case 'open':
      return {
        kind: 'make_attempt',
        attempt: record.attempts + 1,
        delivery: record,
        request: request.value.request,
        payload: request.value.payload,
      };
  }
}

// Checks the deliveries against the sent notifications: nothing may be delivered that was not sent, and no request may be
// gone from the stream without a delivery.
import { categoryPrefix } from '../../../domain/core/ids.ts';
import { deliveryCodec, type DeliveryEvent } from '../../../domain/delivery/events.ts';
import { deliveryStream } from '../../../domain/delivery/stream.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { SentNotification } from '../../read-model.ts';
import { quickMessageId } from '../../uuid.ts';
import { Fingerprints } from './fingerprints.ts';
import type { Findings } from './mismatches.ts';

const SENT = 0;
const DISCARDED = 1;
const MAX_IDS = 10_000;

/** Checks the events of deliveries in log order; they come after the request. */
export class DeliveryRecords {
  readonly #kernel: string;
  readonly #prefix: string;
  readonly #findings: Findings;
  readonly #sent = new Fingerprints();
  readonly #reported = new Set<string>();
  /** Records of requests that were not sent, whose next event decides: a cancellation ends them before any attempt. */
  readonly #unsent = new Map<string, string>();
  /** Discarded requests without a record; the first ones by their ids, because a log without a worker has only such. */
  #discarded = 0;
  readonly #discardedIds = new Map<string, SentNotification>();
  records = 0;

  constructor(kernel: string, findings: Findings) {
    this.#kernel = kernel;
    this.#prefix = categoryPrefix(kernel, 'notification');
    this.#findings = findings;
  }

  /** @param discarded ids of messages that the stream no longer holds */
  allow(sent: readonly SentNotification[], discarded: ReadonlySet<string>): void {
    for (const one of sent) {
      const isGone = !one.mock && discarded.has(one.id);
      this.#sent.set(one.id, isGone ? DISCARDED : SENT);
      if (!isGone) continue;
      this.#discarded += 1;
      if (this.#discardedIds.size < MAX_IDS) this.#discardedIds.set(one.id, one);
    }
  }

  /** To be called at the end of the log. Without a single record no worker of Tocsin takes the requests of this log. */
  end(): void {
    for (const [stream, detail] of this.#unsent) {
      this.#findings.add('delivery_without_request', stream, detail);
    }
    if (this.records === 0 || this.#discarded === 0) return;
    for (const { id, user, triggerType } of this.#discardedIds.values()) {
      const detail = `${triggerType} to user ${user}; the stream does not hold its message any more`;
      this.#findings.add('request_discarded', `notification ${id}`, detail);
    }
    for (let n = this.#discardedIds.size; n < this.#discarded; n += 1) {
      this.#findings.add('request_discarded', 'a later notification', 'as the ones before');
    }
  }

  #accepted(id: string): void {
    if (this.#sent.get(id) !== DISCARDED) return;
    this.#sent.set(id, SENT);
    this.#discarded -= 1;
    this.#discardedIds.delete(id);
  }

  isOne({ stream }: RecordedEvent): boolean {
    return stream.startsWith(this.#prefix);
  }

  see(recorded: RecordedEvent): void {
    if (recorded.revision === 0n) this.records += 1;
    const { stream, revision } = recorded;
    const decoded = deliveryCodec.decode(recorded);
    if (decoded.kind === 'unknown') return;
    const fault =
      decoded.kind === 'fault'
        ? `${decoded.fault.code}: ${decoded.fault.detail}`
        : this.#faultOf(decoded.event, recorded);
    if (fault !== undefined)
      this.#findings.add('delivery_changed', `event ${revision} of ${stream}`, fault);
    if (decoded.kind === 'fault') return;
    const { notificationId, userId } = decoded.event.data;
    this.#accepted(notificationId);
    if (this.#sent.get(notificationId) !== undefined || this.#reported.has(stream)) return;
    const { type } = decoded.event;
    const actor = decoded.metadata.actor ?? 'an unnamed actor';
    const detail = `${type} of notification ${notificationId} to user ${userId}, written by ${actor}`;
    const accepted = this.#unsent.get(stream);
    if (type === 'NotificationAccepted' && revision === 0n) {
      this.#unsent.set(stream, detail);
      return;
    }
    this.#unsent.delete(stream);
    if (accepted !== undefined && isWithdrawn(decoded.event)) return;
    // Once per delivery: its other events have the same fault.
    this.#reported.add(stream);
    this.#findings.add('delivery_without_request', stream, accepted ?? detail);
  }

  #faultOf({ type, data }: DeliveryEvent, { stream }: RecordedEvent): string | undefined {
    const own = deliveryStream(this.#kernel, data.userId, data.notificationId);
    if (stream !== own) return `it belongs to ${own}`;
    if (type !== 'NotificationAccepted') return undefined;
    const id = quickMessageId(data.source.event, 'notification.requested');
    return id === data.notificationId
      ? undefined
      : `its source ${data.source.event} makes notification ${id}, not ${data.notificationId}`;
  }
}

/** The record of a request that was suppressed, or not decided yet, when its trigger was cancelled. */
function isWithdrawn(event: DeliveryEvent): boolean {
  if (event.type === 'DeliveryExpired') return true;
  return event.type === 'DeliveryCancelled' && event.data.reason === 'trigger_cancelled';
}

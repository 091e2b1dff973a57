// Checks the deliveries against the sent notifications: nothing may be delivered that was not sent.
import { categoryPrefix } from '../../../domain/core/ids.ts';
import { deliveryCodec, type DeliveryEvent } from '../../../domain/delivery/events.ts';
import { deliveryStream } from '../../../domain/delivery/stream.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { SentNotification } from '../../read-model.ts';
import { quickMessageId } from '../../uuid.ts';
import { Fingerprints } from './fingerprints.ts';
import type { Findings } from './mismatches.ts';

/** Checks the events of deliveries in log order; they come after the request. */
export class DeliveryRecords {
  readonly #kernel: string;
  readonly #prefix: string;
  readonly #findings: Findings;
  readonly #sent = new Fingerprints();
  readonly #reported = new Set<string>();
  records = 0;

  constructor(kernel: string, findings: Findings) {
    this.#kernel = kernel;
    this.#prefix = categoryPrefix(kernel, 'notification');
    this.#findings = findings;
  }

  allow(sent: readonly SentNotification[]): void {
    for (const { id } of sent) this.#sent.set(id, 0);
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
    if (this.#sent.get(notificationId) !== undefined || this.#reported.has(stream)) return;
    // Once per delivery: its other events have the same fault.
    this.#reported.add(stream);
    const actor = decoded.metadata.actor ?? 'an unnamed actor';
    const detail = `${decoded.event.type} of notification ${notificationId} to user ${userId}, written by ${actor}`;
    this.#findings.add('delivery_without_request', stream, detail);
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

// Checks the deliveries against the requests and the sent notifications: each record fits its request and its own
// events, nothing is delivered that was not sent, and no request that was sent lacks its record.
import { categoryPrefix, userShare } from '../../../domain/core/ids.ts';
import { formatInstant, type Instant } from '../../../domain/core/instants.ts';
import { isJsonObject } from '../../../domain/core/json.ts';
import { quickInstant } from '../../../domain/core/quick.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import {
  deliveryCodec,
  type DeliveryEvent,
  type DeliveryEventData,
} from '../../../domain/delivery/events.ts';
import { deliveryStream } from '../../../domain/delivery/stream.ts';
import type { NotificationRequest } from '../../../domain/notification/events.ts';
import type { Refolded } from '../reading/refold.ts';
import { quickMessageId, quickUuidOfKey } from '../../uuid.ts';
import { channelUuid, versionOf } from './channel-stories.ts';
import { shortHash } from './claims.ts';
import {
  acceptedDelivery,
  followDelivery,
  packDelivery,
  unpackDelivery,
} from './delivery-stories.ts';
import { Fingerprints } from './fingerprints.ts';
import { eventText, type Findings, type NamedEvent } from './mismatches.ts';
import { streamKey, type Story, type StreamCheck, type StreamName } from './streams.ts';

const NOTIFICATION = 'notification.requested';
const MAX_IDS = 10_000;

/** What is known of a request: its state, and above it the hash of the facts that its record must have. */
const [UNSENT, SENT, DISCARDED, STATES] = [0, 1, 2, 4];
/** The hash has 52 bits; two go to the state. */
const HASHES = 2 ** 50;

type Requested = {
  readonly request: Pick<NotificationRequest, 'channel' | 'expiresAt' | 'triggerType' | 'userId'>;
  readonly recorded: NamedEvent;
};

/** A sent notification that waits for its record. */
type Waiting = Requested & { readonly place: number; readonly isDiscarded: boolean };

/** What a page says of requests. */
export type RequestPage = Pick<Refolded, 'events' | 'sentNotifications' | 'verdicts'>;

export type DeliveryRecordsOptions = {
  readonly kernel: string;
  readonly findings: Findings;
  /** Finds the story of a channel's stream. */
  readonly storyOf: StreamCheck['storyOf'];
};

/** Checks the events of deliveries in log order; they come after the request. */
export class DeliveryRecords {
  readonly #kernel: string;
  readonly #findings: Findings;
  readonly #storyOf: StreamCheck['storyOf'];
  readonly #channels: string;
  readonly #requests = new Fingerprints();
  readonly #reported = new Set<string>();
  /** Records of requests that were not sent, whose next event decides: a cancellation ends them before any attempt. */
  readonly #unsent = new Map<string, string>();
  readonly #dying = new Map<string, string>();
  readonly #waiting = new Map<string, Waiting>();
  /** Discarded requests without a record, that are not in {@link #waiting}. */
  #uncounted = 0;
  #place = 0;
  /** The place of the last sent request of each channel that has a record. */
  readonly #accepted = new Map<string, number>();
  #now: Instant = 0;
  #haveRequestsEnded = false;
  records = 0;

  constructor({ kernel, findings, storyOf }: DeliveryRecordsOptions) {
    this.#kernel = kernel;
    this.#findings = findings;
    this.#storyOf = storyOf;
    this.#channels = categoryPrefix(kernel, 'channel');
  }

  /**
   * Takes the requests of a page.
   * @param discarded ids of messages that the stream no longer holds
   * @param sequences ids of messages that the stream holds
   */
  allow(
    { events, sentNotifications, verdicts }: RequestPage,
    discarded: ReadonlySet<string>,
    sequences: { readonly has: (id: string) => boolean },
  ): void {
    const requests = new Map<string, Requested>();
    const ids = new Map(verdicts.map(({ event, messageId }) => [event, messageId]));
    for (const classified of events) {
      if (classified.kind !== 'request') continue;
      const { recorded, data: request } = classified;
      // The fold has computed the ids of those that were sent.
      const id = ids.get(recorded.id) ?? quickMessageId(recorded.id, NOTIFICATION);
      const { id: event, stream } = recorded;
      const source = { event, stream, revision: String(recorded.revision) };
      this.#requests.set(id, UNSENT + STATES * factsHash({ ...request, source }));
      const { channel, expiresAt, triggerType, userId } = request;
      const { type, revision, position } = recorded;
      // Not the whole event: thousands may wait.
      requests.set(id, {
        request: { channel, expiresAt, triggerType, userId },
        recorded: { type, stream, revision, position },
      });
    }
    for (const { id, mock } of sentNotifications) {
      const known = this.#requests.get(id) ?? 0;
      const isDiscarded = !mock && discarded.has(id);
      const state = isDiscarded ? DISCARDED : SENT;
      this.#requests.set(id, known - (known % STATES) + state);
      if (mock || (!isDiscarded && !sequences.has(id))) continue;
      this.#place += 1;
      const requested = requests.get(id);
      if (this.#waiting.size >= MAX_IDS) this.#uncounted += isDiscarded ? 1 : 0;
      else if (requested !== undefined)
        this.#waiting.set(id, { ...requested, place: this.#place, isDiscarded });
    }
  }

  /** To be called at the end of the log. Without a single record no worker of Tocsin takes the requests of this log. */
  end(): void {
    for (const [stream, detail] of this.#unsent) {
      this.#findings.add('delivery_without_request', stream, detail);
    }
    for (const [stream, detail] of this.#dying) {
      this.#findings.add('event_missing', `after ${stream}`, detail);
    }
    if (this.records === 0) return;
    for (const [id, waiting] of this.#waiting) this.#lacksRecord(id, waiting);
    for (let n = 0; n < this.#uncounted; n += 1) {
      this.#findings.add('request_discarded', 'a later notification', 'as the ones before');
    }
  }

  /** A worker takes the requests of a channel in order: one that it has passed long ago had a record. */
  #lacksRecord(id: string, { request, recorded, place, isDiscarded }: Waiting): void {
    const { channel, expiresAt, triggerType, userId } = request;
    const about = `${triggerType} to user ${userId}, requested by ${eventText(recorded)}`;
    if (isDiscarded) {
      const detail = `${about}; the stream does not hold its message any more`;
      this.#findings.add('request_discarded', `notification ${id}`, detail);
      return;
    }
    const later = this.#accepted.get(channel) ?? 0;
    if (later < place || expiresAt > this.#now) return;
    const detail = `${about}, valid until ${formatInstant(expiresAt)}; later requests for ${channel} have records`;
    this.#findings.add('delivery_missing', `notification ${id}`, detail);
  }

  /** The requests of later events are not known: nothing is said of their deliveries. */
  requestsEnd(): void {
    this.#haveRequestsEnded = true;
  }

  /** Called for each event of the log. */
  passes({ metadata }: RecordedEvent): void {
    const at = isJsonObject(metadata) ? quickInstant(metadata['recordedAt']) : undefined;
    if (at !== undefined && at > this.#now) this.#now = at;
  }

  readonly follow = (recorded: RecordedEvent, packed: Story, name: StreamName): Story => {
    if (recorded.revision === 0n) this.records += 1;
    const decoded = deliveryCodec.decode(recorded);
    if (decoded.kind === 'unknown') return packed;
    if (decoded.kind === 'fault') {
      const { code, detail } = decoded.fault;
      this.#findings.add('delivery_changed', eventText(recorded), `${code}: ${detail}`);
      return packed;
    }
    const { event } = decoded;
    const fault = this.#faultOf(event, recorded);
    if (fault !== undefined) this.#findings.add('delivery_changed', eventText(recorded), fault);
    this.#judgeSent(event, recorded, decoded.metadata.actor);
    return this.#followEvents(event, recorded, packed, name);
  };

  #followEvents(
    event: DeliveryEvent,
    recorded: RecordedEvent,
    packed: Story,
    { stream }: StreamName,
  ): Story {
    const where = eventText(recorded);
    if (packed === 0 && event.type !== 'NotificationAccepted') {
      this.#findings.add('event_missing', `before ${where}`, `NotificationAccepted of ${stream}`);
    }
    if (packed === 0 && event.type === 'NotificationAccepted')
      return packDelivery(acceptedDelivery(event));
    const before = packed === 0 ? acceptedDelivery(event) : unpackDelivery(packed);
    const { story, fault } = followDelivery(before, event);
    if (fault !== undefined) this.#findings.add(fault.code, where, fault.detail);
    if (story.mustDie) this.#dying.set(stream, `DeliveryDied was written with ${where}`);
    else this.#dying.delete(stream);
    if (event.type === 'AttemptStarted') this.#checkChannel(event.data, story.channel, where);
    return packDelivery(story);
  }

  /** Once per delivery: its other events have the same fault. */
  #judgeSent(event: DeliveryEvent, { stream, revision }: RecordedEvent, actor?: string): void {
    const { notificationId, userId } = event.data;
    const known = this.#requests.get(notificationId);
    const isSent = known === undefined ? this.#haveRequestsEnded : known % STATES !== UNSENT;
    if (isSent || this.#reported.has(stream)) {
      this.#taken(notificationId);
      return;
    }
    const { type } = event;
    const writer = actor ?? 'an unnamed actor';
    const detail = `${type} of notification ${notificationId} to user ${userId}, written by ${writer}`;
    const accepted = this.#unsent.get(stream);
    if (type === 'NotificationAccepted' && revision === 0n) {
      this.#unsent.set(stream, detail);
      return;
    }
    this.#unsent.delete(stream);
    if (accepted !== undefined && isWithdrawn(event)) return;
    this.#reported.add(stream);
    this.#findings.add('delivery_without_request', stream, accepted ?? detail);
  }

  #taken(id: string): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    const { request, place } = waiting;
    const { channel } = request;
    this.#accepted.set(channel, Math.max(place, this.#accepted.get(channel) ?? 0));
  }

  #faultOf(event: DeliveryEvent, { stream }: RecordedEvent): string | undefined {
    const { data } = event;
    const own = deliveryStream(this.#kernel, data.userId, data.notificationId);
    if (stream !== own) return `it belongs to ${own}`;
    if (event.type !== 'NotificationAccepted') return undefined;
    const { source, notificationId } = event.data;
    const id = quickMessageId(source.event, NOTIFICATION);
    if (id !== notificationId)
      return `its source ${source.event} makes notification ${id}, not ${notificationId}`;
    const known = this.#requests.get(notificationId);
    const isAsRequested =
      known === undefined || known < STATES || Math.floor(known / STATES) === factsHash(event.data);
    return isAsRequested ? undefined : 'its facts are not those of its request';
  }

  /** An attempt through a channel that the user has configured names a version that exists. */
  #checkChannel(
    { userId, channelVersion }: Extract<DeliveryEvent, { type: 'AttemptStarted' }>['data'],
    channel: string,
    where: string,
  ): void {
    if (channel === '') return;
    const key = streamKey(userShare(userId, quickUuidOfKey), channelUuid(userId, channel));
    const story = this.#storyOf(this.#channels, key);
    // A sender of the host needs no configured channel.
    if (story === 0 || versionOf(story) >= channelVersion) return;
    const detail = `ChannelConfigured of ${channel}, version ${channelVersion}, of user ${userId}`;
    this.#findings.add('event_missing', `before ${where}`, detail);
  }
}

/** The record of a request that was suppressed, or not decided yet, when its trigger was cancelled. */
function isWithdrawn(event: DeliveryEvent): boolean {
  if (event.type === 'DeliveryExpired') return true;
  return event.type === 'DeliveryCancelled' && event.data.reason === 'trigger_cancelled';
}

/** Of what a record says of its request; from 1, because 0 means that it is not known. */
function factsHash(
  facts: Omit<DeliveryEventData<'NotificationAccepted'>, 'notificationId'>,
): number {
  const { source, userId, triggerType, mock, channel, triggerId, previewId } = facts;
  const { requestedAt, expiresAt } = facts;
  const request = `${userId} ${triggerType} ${mock} ${channel} ${triggerId} ${previewId}`;
  const values = `${request} ${requestedAt} ${expiresAt} ${source.event} ${source.stream} ${source.revision}`;
  return 1 + (shortHash(values) % (HASHES - 1));
}

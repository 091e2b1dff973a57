// Follows the streams of triggers: which event may come after which, and whether an occurrence's events fit each other.
// It compares stored values as they are, because a request that cannot be decoded is parked and reported elsewhere.
import { occurrenceId } from '../../../domain/core/ids.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../domain/core/json.ts';
import { sealedPersonal } from '../../../domain/core/personal.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import type { ClaimCheck } from './claims.ts';
import { triggerCodec } from '../../../domain/trigger/events.ts';
import { eventText, type Findings, type MismatchCode } from './mismatches.ts';
import { UNKNOWN_STORY, type Story, type StreamName } from './streams.ts';

/** Where the last occurrence of a stream stands; its number takes the other bits of the story. */
const STATUS = { none: 0, pending: 1, offered: 2, ended: 3, finished: 4, cancelled: 5 } as const;
const STATUSES = 8;

/** Occurrences that wait for their evaluation, whose raise is remembered. */
const MAX_PENDING = 10_000;

/** Fields that the request takes from the raise as they are. */
const FROM_RAISE = ['userId', 'triggerType', 'targetType', 'targetId', 'traceId', 'severity'];
const FROM_OFFER = ['previewId', 'userId', 'expiresAt'];
const NOTHING: JsonObject = {};

type Waiting = {
  readonly stream: string;
  readonly raised: JsonObject;
  /** The offer whose request must be the next event; `undefined` before the offer. */
  offer: RecordedEvent | undefined;
};

export class TriggerStories {
  readonly #findings: Findings;
  readonly #claims: ClaimCheck;
  readonly #pending = new Map<string, Waiting>();
  #current: Waiting | undefined;
  /** The ids of the occurrence that was looked at last. */
  #ids = { stream: '', occurrence: 0, trigger: '', preview: '' };
  /** Differences of the event that is looked at. */
  readonly #found: { readonly code: MismatchCode; readonly detail: string }[] = [];

  constructor(findings: Findings, claims: ClaimCheck) {
    this.#findings = findings;
    this.#claims = claims;
  }

  /** Called for each event of the log: an offer is written together with its request. */
  before({ stream, type }: RecordedEvent): void {
    const { offer } = this.#current ?? {};
    if (offer === undefined) return;
    if (stream !== offer.stream || type !== 'NotificationRequested') this.#endOffer(offer);
  }

  end(): void {
    const { offer } = this.#current ?? {};
    if (offer !== undefined) this.#endOffer(offer);
  }

  readonly follow = (event: RecordedEvent, story: Story, name: StreamName): Story => {
    const after = this.#follow(event, story, name);
    if (this.#found.length === 0) return after;
    const found = this.#found.splice(0);
    // An event that no code can read is parked, and nothing is known of what it says.
    if (triggerCodec.decode(event).kind === 'fault') return UNKNOWN_STORY;
    for (const { code, detail } of found) this.#findings.add(code, eventText(event), detail);
    return after;
  };

  #follow(event: RecordedEvent, story: Story, name: StreamName): Story {
    const data = isJsonObject(event.data) ? event.data : NOTHING;
    const occurrence = Math.floor(story / STATUSES);
    const status = story % STATUSES;
    const isActive =
      status === STATUS.pending || status === STATUS.offered || status === STATUS.ended;
    switch (event.type) {
      case 'TriggerRaised':
        if (isActive) return this.#unexpected(story);
        if (data['occurrence'] !== occurrence + 1) {
          const detail = `occurrence ${text(data['occurrence'])} follows occurrence ${occurrence}`;
          this.#add('event_changed', detail);
          return UNKNOWN_STORY;
        }
        this.#raised(event, data, name);
        return (occurrence + 1) * STATUSES + STATUS.pending;
      case 'PreviewOffered':
        if (status !== STATUS.pending) return this.#unexpected(story);
        this.#ofOccurrence(event, data, occurrence);
        this.#offered(event, data);
        return become(story, STATUS.offered);
      case 'NotificationRequested':
        this.#requested(event, data, occurrence);
        return story;
      case 'TriggerClosed':
      case 'TriggerRejected':
      case 'TriggerAbandoned':
        this.#forget(event.stream);
        if (status !== STATUS.pending) return this.#unexpected(story);
        return this.#ofLast(event, data, story, STATUS.finished);
      case 'TriggerEvaluationFailed':
        if (status !== STATUS.pending) return this.#unexpected(story);
        return this.#ofLast(event, data, story, status);
      case 'TriggerCancelled':
        this.#forget(event.stream);
        if (!isActive) return this.#unexpected(story);
        return this.#ofLast(event, data, story, STATUS.cancelled);
      case 'ApplyStarted':
      case 'ApplySucceeded':
      case 'ApplyFailed':
        if (status !== STATUS.offered) return this.#unexpected(story);
        return this.#ofLast(event, data, story, status);
      case 'PreviewEnded':
        // A cancellation is written before the end of its preview.
        if (status === STATUS.cancelled) return this.#ofLast(event, data, story, status);
        if (status !== STATUS.offered) return this.#unexpected(story);
        return this.#ofLast(event, data, story, STATUS.ended);
      case 'DuplicateRaised':
        if (!isActive) return this.#unexpected(story);
        return this.#ofLast(event, data, story, status);
      default:
        return story;
    }
  }

  #ofLast(event: RecordedEvent, data: JsonObject, story: Story, status: number): Story {
    this.#ofOccurrence(event, data, Math.floor(story / STATUSES));
    return become(story, status);
  }

  #raised(event: RecordedEvent, data: JsonObject, { stream }: StreamName): void {
    this.#ofOccurrence(event, data, Number(data['occurrence']));
    this.#claims.raised(event, data);
    if (this.#current !== undefined) this.#keep(this.#current);
    this.#current = { stream, raised: data, offer: undefined };
  }

  #offered(event: RecordedEvent, data: JsonObject): void {
    const waiting = this.#waitingIn(event.stream);
    if (waiting === undefined) return;
    this.#compare(data, waiting.raised, ['userId'], 'its trigger');
    this.#compareTime(event, data, 'offeredAt');
    waiting.offer = waiting.raised['quiet'] === true ? undefined : event;
    this.#current = waiting;
    this.#pending.delete(event.stream);
  }

  #requested(event: RecordedEvent, data: JsonObject, occurrence: number): void {
    const waiting = this.#current;
    const offer = waiting?.stream === event.stream ? waiting.offer : undefined;
    if (waiting === undefined || offer === undefined) {
      this.#add('event_added', 'no offer of a preview was written with it');
      return;
    }
    waiting.offer = undefined;
    this.#ofOccurrence(event, data, occurrence);
    const { raised } = waiting;
    this.#compare(data, raised, FROM_RAISE, 'its trigger');
    const offered = isJsonObject(offer.data) ? offer.data : NOTHING;
    this.#compare(data, offered, FROM_OFFER, 'its offer');
    this.#compareTime(event, data, 'requestedAt');
    const expected: JsonObject = {
      ...(raised['requestedAt'] === undefined ? {} : { triggerRequestedAt: raised['requestedAt'] }),
      ...(raised['channel'] === undefined ? {} : { channel: raised['channel'] }),
      mock: raised['mockNow'] !== undefined,
    };
    this.#compare(data, expected, Object.keys(expected), 'its trigger');
    const [summary, offeredSummary] = [summaryOf(data), summaryOf(offered)];
    if (summary !== offeredSummary && summary !== undefined && offeredSummary !== undefined)
      this.#add('event_changed', 'its summary is not that of its offer');
  }

  /** The ids of an event follow from its stream and the number of its occurrence. */
  #ofOccurrence(event: RecordedEvent, data: JsonObject, occurrence: number): void {
    const { stream } = event;
    if (this.#ids.stream !== stream || this.#ids.occurrence !== occurrence) {
      const trigger = occurrenceId('ast', stream, occurrence);
      this.#ids = { stream, occurrence, trigger, preview: `asp${trigger.slice(3)}` };
    }
    const { trigger, preview } = this.#ids;
    const { triggerId, previewId, occurrence: number } = data;
    const isOfPreview = previewId === undefined || previewId === preview;
    if (triggerId === trigger && isOfPreview && number === occurrence) return;
    this.#add('event_changed', `it names another trigger than ${trigger}`);
  }

  #compare(data: JsonObject, expected: JsonObject, fields: readonly string[], what: string): void {
    for (const field of fields) {
      if (data[field] === expected[field]) continue;
      const detail = `${field} is ${text(data[field])}, and ${text(expected[field])} in ${what}`;
      this.#add('event_changed', detail);
    }
  }

  #compareTime(event: RecordedEvent, data: JsonObject, field: string): void {
    const { metadata } = event;
    if (!isJsonObject(metadata) || data[field] === metadata['recordedAt']) return;
    const detail = `${field} is ${text(data[field])}, and it was recorded at ${text(metadata['recordedAt'])}`;
    this.#add('event_changed', detail);
  }

  #waitingIn(stream: string): Waiting | undefined {
    return this.#current?.stream === stream ? this.#current : this.#pending.get(stream);
  }

  #keep(waiting: Waiting): void {
    if (this.#pending.size >= MAX_PENDING) return;
    this.#pending.set(waiting.stream, waiting);
  }

  #forget(stream: string): void {
    this.#pending.delete(stream);
    if (this.#current?.stream === stream) this.#current = undefined;
  }

  #endOffer(offer: RecordedEvent): void {
    this.#forget(offer.stream);
    const after = `${eventText(offer)} was written with a request for a notification`;
    this.#findings.add('event_missing', `after ${eventText(offer)}`, after);
  }

  #unexpected(story: Story): Story {
    const [occurrence, status] = [Math.floor(story / STATUSES), story % STATUSES];
    const detail = `no command writes it to a trigger that is ${nameOf(status)} (occurrence ${occurrence})`;
    this.#add('event_added', detail);
    return story;
  }

  #add(code: MismatchCode, detail: string): void {
    this.#found.push({ code, detail });
  }
}

function become(story: Story, status: number): Story {
  return story - (story % STATUSES) + status;
}

function nameOf(status: number): string {
  return Object.entries(STATUS).find(([, number]) => number === status)?.[0] ?? 'unknown';
}

/** `undefined` where the summary cannot be read. */
function summaryOf(data: JsonObject): Json | undefined {
  const { personal } = data;
  if (personal === undefined || !isJsonObject(personal) || sealedPersonal(data) !== undefined)
    return undefined;
  return personal['summary'];
}

function text(value: Json | undefined): string {
  return value === undefined ? 'absent' : JSON.stringify(value);
}

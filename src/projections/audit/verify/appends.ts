// Checks what all events have in common: the id follows from the command, the events of one append have one metadata,
// and times of recording do not jump back.
import { accessCodec } from '../../../domain/access/events.ts';
import { channelCodec } from '../../../domain/channel/events.ts';
import { controlCodec } from '../../../domain/control/events.ts';
import { isCopiedStream } from '../../../domain/core/ids.ts';
import { encodeKeyPart } from '../../../domain/core/keys.ts';
import { isJsonObject, type JsonObject } from '../../../domain/core/json.ts';
import { formatInstant, type Instant } from '../../../domain/core/instants.ts';
import { quickInstant } from '../../../domain/core/quick.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { deliveryCodec } from '../../../domain/delivery/events.ts';
import { idempotencyCodec } from '../../../domain/idempotency/events.ts';
import { triggerCodec } from '../../../domain/trigger/events.ts';
import { quickUuidOfKey } from '../../uuid.ts';
import { eventText, type Findings } from './mismatches.ts';
import type { StreamName } from './streams.ts';

/** Clocks of a deployment differ by less. */
const CLOCKS_APART_MS = 60 * 60_000;

/** Commands write fewer events. */
const LONGEST_APPEND = 8;

/** What the events of one append share; the version and the mark `mustUnderstand` belong to the type. */
const SHARED = [
  ...['recordedAt', 'correlationId', 'causationId', 'commandId'],
  ...['actor', 'traceparent'],
] as const;

const NO_METADATA: JsonObject = {};

/** An event that no code can read is parked, or its reader stops: nothing is expected of it. */
const CODECS = [
  triggerCodec,
  deliveryCodec,
  controlCodec,
  idempotencyCodec,
  channelCodec,
  accessCodec,
];

export class AppendCheck {
  readonly #findings: Findings;
  #stream = '';
  #encodedStream = '';
  /** The key of an id of the append, without the number. */
  #keyStart = '';
  /** The metadata of the append that the last event belongs to, and the number of that event in it. */
  #append = NO_METADATA;
  #index = 0;
  #isIndexKnown = true;
  /** The latest time of recording, and the latest before it. */
  #latest: { readonly at: Instant; readonly event: RecordedEvent } | undefined;
  #before: Instant | undefined;
  #first: Instant | undefined;
  #lastText: unknown;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  see(event: RecordedEvent, { stream }: StreamName, isAfterGap: boolean): void {
    const metadata = isJsonObject(event.metadata) ? event.metadata : NO_METADATA;
    const { commandId } = metadata;
    const isSameStream = stream === this.#stream;
    if (!isSameStream) {
      this.#stream = stream;
      this.#encodedStream = encodeKeyPart(stream);
    }
    const isOfLast = isSameStream && commandId === this.#append['commandId'];
    this.#index = isOfLast ? this.#index + 1 : 0;
    if (!isOfLast && typeof commandId === 'string')
      this.#keyStart = `event:${encodeKeyPart(commandId)}:${this.#encodedStream}:`;
    this.#isIndexKnown = isOfLast ? this.#isIndexKnown && !isAfterGap : !isAfterGap;
    if (isOfLast && metadata !== this.#append) this.#compare(event, metadata);
    this.#append = metadata;
    if (typeof commandId !== 'string') return;
    if (this.#isIndexKnown) this.#checkId(event, commandId);
    // A copy is recorded by the clock of its own time.
    if (!isCopiedStream(stream)) this.#checkTime(event, metadata['recordedAt']);
  }

  #compare(event: RecordedEvent, metadata: JsonObject): void {
    for (const field of SHARED) {
      if (metadata[field] === this.#append[field]) continue;
      const detail = `${field} is ${shown(metadata[field])}, and ${shown(this.#append[field])} in the event before it, which was written with it`;
      this.#findings.add('event_changed', eventText(event), detail);
    }
  }

  #checkId(event: RecordedEvent, commandId: string): void {
    const expected = quickUuidOfKey(`${this.#keyStart}${this.#index}`);
    if (expected === event.id || !isReadable(event)) return;
    const missing = this.#skippedBefore(event.id);
    if (missing > 0) {
      this.#index += missing;
      const what = missing === 1 ? 'an event' : `${missing} events`;
      const detail = `${what} of command ${commandId} came before it in this stream`;
      this.#findings.add('event_missing', `before ${eventText(event)}`, detail);
      return;
    }
    const detail = `its id is ${event.id}, and event ${this.#index} of command ${commandId} in this stream has the id ${expected}`;
    this.#findings.add('event_changed', eventText(event), detail);
  }

  /** How many events of the append are gone before one of this id; 0 where its id is of no later event. */
  #skippedBefore(id: string): number {
    for (let more = 1; more <= LONGEST_APPEND; more += 1)
      if (quickUuidOfKey(`${this.#keyStart}${this.#index + more}`) === id) return more;
    return 0;
  }

  #checkTime(event: RecordedEvent, text: unknown): void {
    if (text === this.#lastText) return;
    this.#lastText = text;
    const at = quickInstant(text);
    if (at === undefined) return;
    this.#first ??= at;
    const latest = this.#latest;
    if (latest === undefined || at >= latest.at) {
      this.#before = latest?.at;
      this.#latest = { at, event };
      return;
    }
    if (latest.at - at <= CLOCKS_APART_MS) return;
    // Of two that do not fit, the one is wrong that does not fit the events before it either.
    const isLatestWrong = this.#before !== undefined && at >= this.#before - CLOCKS_APART_MS;
    const [wrong, time, other] = isLatestWrong
      ? [latest.event, latest.at, at]
      : [event, at, latest.at];
    const order = isLatestWrong ? 'a later event' : 'an earlier event';
    const age = this.#first - time > CLOCKS_APART_MS ? ', before the log existed' : '';
    const detail = `recorded at ${formatInstant(time)}${age}; ${order} at ${formatInstant(other)}`;
    this.#findings.add('time_disorder', eventText(wrong), detail);
    if (isLatestWrong) this.#latest = { at, event };
  }
}

function isReadable(event: RecordedEvent): boolean {
  return CODECS.every((codec) => codec.decode(event).kind !== 'fault');
}

function shown(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value);
}

// Decodes the messages of appends. `proposed.ts` checks their content.
import { NIL_UUID } from '../common/append-request.ts';
import { ANY_REVISION, NO_STREAM, STREAM_EXISTS } from '../common/revisions.ts';
import { AppendFault } from './append-fault.ts';
import { MalformedMessage, visitFields } from '../wire/protobuf-reader.ts';
import { readUuid } from '../wire/uuid-bytes.ts';

/** An event as received. The bytes are views of the message. */
export type ProposedEvent = {
  /** In lower case; `malformed` when it is no UUID, `undefined` when it is missing. */
  readonly id: string | undefined;
  readonly type: string | undefined;
  readonly contentType: string | undefined;
  readonly metadata: Buffer;
  readonly data: Buffer;
};

export type AppendOptions = {
  readonly stream: Buffer | undefined;
  /** A revision or one of the numbers below 0 in `revisions.ts`; `undefined` when it is missing. */
  readonly expected: bigint | undefined;
  /** The deadline in milliseconds from now; negative for a time in the past. */
  readonly deadlineMs: number | undefined;
  /** What a server says about a deadline that is no time. */
  readonly deadlineFault: string | undefined;
};

/** One message of `Append`: first the options, then the events. */
export type AppendMessage = {
  readonly options: AppendOptions | undefined;
  readonly event: ProposedEvent | undefined;
};

/** One message of `BatchAppend`: a fragment of one append. */
export type BatchFragment = {
  /** As text in lower case; the bytes of one that is no UUID. */
  readonly correlationId: string;
  /** Why no append can have this correlation id. */
  readonly correlationFault: AppendFault | undefined;
  /** Why it is no fragment at all. */
  readonly unusable: 'empty' | 'malformed' | undefined;
  /** The received message of the correlation id, for the answer. */
  readonly correlationBytes: Buffer;
  readonly options: AppendOptions | undefined;
  readonly events: readonly ProposedEvent[];
  readonly isFinal: boolean;
};

const NOTHING: Buffer = Buffer.alloc(0);

/** @throws Error when the bytes are no such message */
export function decodeAppend(buffer: Buffer): AppendMessage {
  let options: AppendOptions | undefined;
  let event: ProposedEvent | undefined;
  visitFields(buffer, 0, buffer.length, {
    bytes(number, start, end) {
      if (number === 1) options = decodeOptions(buffer, start, end);
      if (number === 2) event = decodeEvent(buffer, start, end);
    },
  });
  return { options, event };
}

export function decodeFragment(buffer: Buffer): BatchFragment {
  try {
    return decodeValidFragment(buffer);
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    return { ...decodeValidFragment(NOTHING), unusable: 'malformed' };
  }
}

function decodeValidFragment(buffer: Buffer): BatchFragment {
  let hasId = false;
  let correlationId: string | undefined;
  let correlationBytes = NOTHING;
  let options: AppendOptions | undefined;
  const events: ProposedEvent[] = [];
  let isFinal = false;
  visitFields(buffer, 0, buffer.length, {
    bytes(number, start, end) {
      if (number === 1) {
        correlationBytes = buffer.subarray(start, end);
        hasId = true;
        correlationId = readUuid(buffer, start, end);
      }
      if (number === 2) options = decodeOptions(buffer, start, end);
      if (number === 3) events.push(decodeEvent(buffer, start, end));
    },
    number(number, value) {
      if (number === 4) isFinal = value !== 0n;
    },
  });
  return {
    correlationId: correlationId ?? correlationBytes.toString('latin1'),
    correlationFault:
      correlationId === undefined || correlationId === NIL_UUID
        ? correlationFault(hasId, correlationId)
        : undefined,
    correlationBytes,
    options,
    events,
    isFinal,
    unusable: buffer.length === 0 ? 'empty' : undefined,
  };
}

function correlationFault(hasId: boolean, id: string | undefined): AppendFault {
  const text = !hasId
    ? "Value cannot be null. (Parameter 'dto')"
    : id === NIL_UUID
      ? "correlationId (Parameter 'correlationId should be non-empty GUID.')"
      : 'Unrecognized Guid format.';
  return new AppendFault('the correlation id is not a UUID', text);
}

/** The options of all calls; only `BatchAppend` has a deadline. */
function decodeOptions(buffer: Buffer, from: number, to: number): AppendOptions {
  let stream: Buffer | undefined;
  let expected: bigint | undefined;
  let deadlineMs: number | undefined;
  let deadlineFault: string | undefined;
  visitFields(buffer, from, to, {
    number(number, value) {
      if (number === 2) expected = value;
    },
    bytes(number, start, end) {
      if (number === 1) stream = decodeStream(buffer, start, end);
      if (number === 3) expected = NO_STREAM;
      if (number === 4) expected = ANY_REVISION;
      if (number === 5) expected = STREAM_EXISTS;
      if (number === 6) {
        const time = decodeTime(buffer, start, end);
        deadlineMs = time.milliseconds - Date.now();
        if (!isTimestamp(time)) {
          deadlineFault = 'Timestamp contains invalid values: Seconds={Seconds}; Nanos={Nanos}';
        }
      }
      if (number === 7) {
        const time = decodeTime(buffer, start, end);
        deadlineMs = time.milliseconds;
        if (!isDuration(time)) deadlineFault = 'Duration was not a valid normalized duration';
      }
    },
  });
  return { stream, expected, deadlineMs, deadlineFault };
}

function decodeStream(buffer: Buffer, from: number, to: number): Buffer {
  let name = NOTHING;
  visitFields(buffer, from, to, {
    bytes(number, start, end) {
      if (number === 3) name = buffer.subarray(start, end);
    },
  });
  return name;
}

type Time = { readonly seconds: number; readonly nanos: number; readonly milliseconds: number };

/** A timestamp or a duration. */
function decodeTime(buffer: Buffer, start: number, end: number): Time {
  let seconds = 0;
  let nanos = 0;
  visitFields(buffer, start, end, {
    number(number, value) {
      const signed = Number(BigInt.asIntN(64, value));
      if (number === 1) seconds = signed;
      if (number === 2) nanos = signed;
    },
  });
  return { seconds, nanos, milliseconds: seconds * 1000 + nanos / 1_000_000 };
}

/** From the year 1 to the year 9999. */
function isTimestamp({ seconds, nanos }: Time): boolean {
  const isNear = seconds >= -62_135_596_800 && seconds <= 253_402_300_799;
  return isNear && nanos >= 0 && nanos < 1_000_000_000;
}

/** At most 10,000 years, both parts with the same sign. */
function isDuration({ seconds, nanos }: Time): boolean {
  const isShort = Math.abs(seconds) <= 315_576_000_000 && Math.abs(nanos) < 1_000_000_000;
  return isShort && (seconds === 0 || nanos === 0 || Math.sign(seconds) === Math.sign(nanos));
}

function decodeEvent(buffer: Buffer, from: number, to: number): ProposedEvent {
  let id: string | undefined;
  let type: string | undefined;
  let contentType: string | undefined;
  let metadata = NOTHING;
  let data = NOTHING;
  visitFields(buffer, from, to, {
    bytes(number, start, end) {
      if (number === 1) id = readUuid(buffer, start, end) ?? 'malformed';
      if (number === 2) {
        const [key, value] = decodeEntry(buffer, start, end);
        if (key === 'type') type = value;
        if (key === 'content-type') contentType = value;
      }
      if (number === 3) metadata = buffer.subarray(start, end);
      if (number === 4) data = buffer.subarray(start, end);
    },
  });
  return { id, type, contentType, metadata, data };
}

function decodeEntry(buffer: Buffer, from: number, to: number): readonly [string, string] {
  let key = '';
  let value = '';
  visitFields(buffer, from, to, {
    bytes(number, start, end) {
      if (number === 1) key = buffer.toString('utf8', start, end);
      if (number === 2) value = buffer.toString('utf8', start, end);
    },
  });
  return [key, value];
}

// Decodes the messages of appends. `proposed.ts` checks their content.
import { ANY_REVISION, NO_STREAM, STREAM_EXISTS } from '../common/revisions.ts';
import { visitFields } from '../wire/protobuf-reader.ts';
import { readUuid } from '../wire/uuid-bytes.ts';

/** An event as received. The bytes are views of the message. */
export type ProposedEvent = {
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
};

/** One message of `Append`: first the options, then the events. */
export type AppendMessage = {
  readonly options: AppendOptions | undefined;
  readonly event: ProposedEvent | undefined;
};

/** One message of `BatchAppend`: a fragment of one append. */
export type BatchFragment = {
  /** As text in lower case; `undefined` when it is no UUID. */
  readonly correlationId: string | undefined;
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

/** @throws Error when the bytes are no such message */
export function decodeFragment(buffer: Buffer): BatchFragment {
  let correlationId: string | undefined;
  let correlationBytes = NOTHING;
  let options: AppendOptions | undefined;
  const events: ProposedEvent[] = [];
  let isFinal = false;
  visitFields(buffer, 0, buffer.length, {
    bytes(number, start, end) {
      if (number === 1) {
        correlationId = readUuid(buffer, start, end);
        correlationBytes = buffer.subarray(start, end);
      }
      if (number === 2) options = decodeOptions(buffer, start, end);
      if (number === 3) events.push(decodeEvent(buffer, start, end));
    },
    number(number, value) {
      if (number === 4) isFinal = value !== 0n;
    },
  });
  return { correlationId, correlationBytes, options, events, isFinal };
}

/** The options of all calls; only `BatchAppend` has a deadline. */
function decodeOptions(buffer: Buffer, from: number, to: number): AppendOptions {
  let stream: Buffer | undefined;
  let expected: bigint | undefined;
  let deadlineMs: number | undefined;
  visitFields(buffer, from, to, {
    number(number, value) {
      if (number === 2) expected = value;
    },
    bytes(number, start, end) {
      if (number === 1) stream = decodeStream(buffer, start, end);
      if (number === 3) expected = NO_STREAM;
      if (number === 4) expected = ANY_REVISION;
      if (number === 5) expected = STREAM_EXISTS;
      if (number === 6) deadlineMs = decodeTime(buffer, start, end) - Date.now();
      if (number === 7) deadlineMs = decodeTime(buffer, start, end);
    },
  });
  return { stream, expected, deadlineMs };
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

/** A timestamp or a duration in milliseconds. */
function decodeTime(buffer: Buffer, start: number, end: number): number {
  let milliseconds = 0;
  visitFields(buffer, start, end, {
    number(number, value) {
      const signed = Number(BigInt.asIntN(64, value));
      milliseconds += number === 1 ? signed * 1000 : number === 2 ? signed / 1_000_000 : 0;
    },
  });
  return milliseconds;
}

function decodeEvent(buffer: Buffer, from: number, to: number): ProposedEvent {
  let id: string | undefined;
  let type: string | undefined;
  let contentType: string | undefined;
  let metadata = NOTHING;
  let data = NOTHING;
  visitFields(buffer, from, to, {
    bytes(number, start, end) {
      if (number === 1) id = readUuid(buffer, start, end);
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

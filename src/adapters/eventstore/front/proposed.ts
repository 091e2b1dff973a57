// Checks proposed events and collects copies of them into an append, so that the received message can be freed.
import { isUtf8 } from 'node:buffer';
import {
  MAX_APPEND_BYTES,
  MAX_STREAM_NAME_BYTES,
  NIL_UUID,
  type EncodedEvent,
} from '../common/append-request.ts';
import { METADATA_STREAM_PREFIX } from '../common/stream-metadata.ts';
import { NO_STREAM } from '../common/revisions.ts';
import type { AppendOptions, ProposedEvent } from './append-messages.ts';
import { AppendFault, TOO_LARGE } from './append-fault.ts';
import { missingMetadata, noneOf } from './refusal.ts';
import { countsOnlyData, type Like } from './server-version.ts';

/** An append whose events are being collected. */
export type Gathering = {
  readonly stream: string;
  readonly expected: bigint;
  readonly events: EncodedEvent[];
  /** As the server counts: data, and since 24.10.4 also metadata and twice the characters of the type. */
  bytes: number;
};

/** The calls that have these options; they are named in what servers say about them. */
export type OptionsOf = 'AppendReq' | 'BatchAppendReq' | 'DeleteReq' | 'TombstoneReq';

/** Wire values from 2^63 on are no revisions, but the largest says that there is no stream. */
const MAX_REVISION = 2n ** 63n - 1n;
const NO_STREAM_ON_WIRE = 2n ** 64n - 1n;

export function gathering(options: AppendOptions, of: OptionsOf): Gathering | AppendFault {
  const stream = streamName(options.stream);
  if (stream instanceof AppendFault) return stream;
  if (stream === METADATA_STREAM_PREFIX) {
    // An append to it ends the process of EventStoreDB 23.10 and 24.6; later versions refuse it.
    return new AppendFault(
      `nothing can be appended to the stream ${stream}`,
      "Specified argument was out of the range of valid values. (Parameter 'eventStreamId')",
    );
  }
  const { expected } = options;
  if (expected === undefined) {
    const { ours, status } = noneOf(of);
    return new AppendFault(ours, `Status(StatusCode="InvalidArgument", Detail="${ours}")`, status);
  }
  if (expected > MAX_REVISION && expected !== NO_STREAM_ON_WIRE) {
    const text = "Specified argument was out of the range of valid values. (Parameter 'value')";
    return new AppendFault(`the expected revision ${expected} is above 2^63 - 1`, text);
  }
  const revision = expected === NO_STREAM_ON_WIRE ? NO_STREAM : expected;
  return { stream, expected: revision, events: [], bytes: 0 };
}

export function streamName(bytes: Uint8Array | undefined): string | AppendFault {
  if (bytes === undefined || bytes.length === 0) {
    return new AppendFault(
      'a stream name is required',
      bytes === undefined
        ? 'Object reference not set to an instance of an object.'
        : 'eventStreamId',
    );
  }
  if (bytes.length > MAX_STREAM_NAME_BYTES) {
    const limit = `the stream name is longer than ${MAX_STREAM_NAME_BYTES} bytes`;
    return new AppendFault(limit, limit);
  }
  if (!isUtf8(bytes) || bytes.includes(0)) {
    const reason = 'the stream name is not UTF-8, or has a NUL character';
    return new AppendFault(reason, reason);
  }
  return Buffer.from(bytes).toString('utf8');
}

/** Adds an event, or refuses it and adds nothing. */
export function addProposed(
  to: Gathering,
  { id, type, contentType, metadata, data }: ProposedEvent,
  like: Like,
): AppendFault | undefined {
  if (type === undefined || contentType === undefined) {
    const missing = missingMetadata(type === undefined ? 'type' : 'content-type');
    const text = 'The given key was not present in the dictionary.';
    return new AppendFault(missing.details, text, missing);
  }
  if (id === undefined || id === 'malformed' || id === NIL_UUID) return idFault(id);
  if (type === '') {
    return new AppendFault(
      'an event type is empty',
      "Empty eventType provided. (Parameter 'eventType')",
    );
  }
  if (type.includes('\u0000')) {
    const reason = 'an event type has a NUL character';
    return new AppendFault(reason, reason);
  }
  const content = data.length + metadata.length;
  const bytes = countsOnlyData(like) ? data.length : content + 2 * type.length;
  if (to.bytes + bytes > MAX_APPEND_BYTES) return TOO_LARGE;
  to.bytes += bytes;
  const isJson = contentType === 'application/json';
  to.events.push({
    id,
    type,
    isJson,
    data: isJson ? stored(data) : new Uint8Array(data),
    metadata: stored(metadata),
    bytes: content + Buffer.byteLength(type),
  });
  return undefined;
}

function idFault(id: string | undefined): AppendFault {
  const text =
    id === undefined
      ? "Value cannot be null. (Parameter 'dto')"
      : id === NIL_UUID
        ? "Empty eventId provided. (Parameter 'eventId')"
        : 'Unrecognized Guid format.';
  return new AppendFault('an event id is not a UUID', text);
}

/** Stores UTF-8 as text, so that SQL can query it; the bytes are the same. */
function stored(bytes: Buffer): string | Uint8Array {
  return isUtf8(bytes) && !bytes.includes(0) ? bytes.toString('utf8') : new Uint8Array(bytes);
}

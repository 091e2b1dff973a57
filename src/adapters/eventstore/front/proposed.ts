// Checks proposed events and collects copies of them into an append, so that the received message can be freed.
import { isUtf8 } from 'node:buffer';
import {
  MAX_APPEND_BYTES,
  MAX_STREAM_NAME_BYTES,
  NIL_UUID,
  type EncodedEvent,
} from '../common/append-request.ts';
import type { AppendOptions, ProposedEvent } from './append-messages.ts';
import { invalidArgument, missingMetadata, tooLarge, type Refusal } from './refusal.ts';

/** An append whose events are being collected. */
export type Gathering = {
  readonly stream: string;
  readonly expected: bigint;
  readonly events: EncodedEvent[];
  /** As EventStoreDB counts: data, metadata and twice the characters of the type. */
  bytes: number;
};
export function gathering(options: AppendOptions): Gathering | Refusal {
  const stream = streamName(options.stream);
  if (typeof stream !== 'string') return stream;
  if (stream === '$all' || stream === '$$') {
    return invalidArgument(`nothing can be appended to the stream ${stream}`);
  }
  if (options.expected === undefined) {
    return invalidArgument('an expected stream revision is required');
  }
  return { stream, expected: options.expected, events: [], bytes: 0 };
}

export function streamName(bytes: Uint8Array | undefined): string | Refusal {
  if (bytes === undefined || bytes.length === 0) {
    return invalidArgument('a stream name is required');
  }
  if (bytes.length > MAX_STREAM_NAME_BYTES) {
    return invalidArgument(`the stream name is longer than ${MAX_STREAM_NAME_BYTES} bytes`);
  }
  if (!isUtf8(bytes) || bytes.includes(0)) {
    return invalidArgument('the stream name is not UTF-8, or has a NUL character');
  }
  return Buffer.from(bytes).toString('utf8');
}

/** Adds an event, or refuses it and adds nothing. */
export function addProposed(
  to: Gathering,
  { id, type, contentType, metadata, data }: ProposedEvent,
): Refusal | undefined {
  if (type === undefined) return missingMetadata('type');
  if (contentType === undefined) return missingMetadata('content-type');
  if (id === undefined || id === NIL_UUID) return invalidArgument('an event id is not a UUID');
  if (type === '') return invalidArgument('an event type is empty');
  if (type.includes('\u0000')) return invalidArgument('an event type has a NUL character');
  const content = data.length + metadata.length;
  const bytes = content + 2 * type.length;
  if (to.bytes + bytes > MAX_APPEND_BYTES) return tooLarge();
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

/** Stores UTF-8 as text, so that SQL can query it; the bytes are the same. */
function stored(bytes: Buffer): string | Uint8Array {
  return isUtf8(bytes) && !bytes.includes(0) ? bytes.toString('utf8') : new Uint8Array(bytes);
}

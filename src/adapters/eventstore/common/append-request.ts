// Checks appends and encodes their events. The limits are the strictest limits of EventStoreDB's versions with
// default settings, so that a log can move between stores.
import { isUuid } from '../../../domain/core/ids.ts';
import type { EventToAppend } from '../../../domain/core/recorded-event.ts';
import {
  isCleanText,
  MAX_STORED_DEPTH,
  nestsDeeperThan,
  type JsonObject,
} from '../../../domain/core/json.ts';
import type {
  AppendRefusal,
  AppendResult,
  ExpectedRevision,
} from '../../../domain/ports/event-store.ts';
import { revisionNumber } from './revisions.ts';

/** The most that one append may hold: UTF-8 bytes of data and metadata, and twice those of types, as 24.10.4 counts. */
export const MAX_APPEND_BYTES = 1024 * 1024;

/** The longest stream name, in UTF-8 bytes; the name is part of an index. */
export const MAX_STREAM_NAME_BYTES = 1024;

/** An event as it is stored: JSON as text, everything else as bytes. */
export type EncodedEvent = {
  /** In lower case, since UUIDs are compared as numbers. */
  readonly id: string;
  readonly type: string;
  /** True when the writer declared the data as JSON; that they are is not checked. */
  readonly isJson: boolean;
  readonly data: string | Uint8Array;
  readonly metadata: string | Uint8Array;
  /** UTF-8 bytes of type, data and metadata. */
  readonly bytes: number;
};

export type AppendRequest = {
  readonly stream: string;
  /** A revision, or one of the numbers below 0 in `revisions.ts`. */
  readonly expected: bigint;
  readonly events: readonly EncodedEvent[];
  /** The one event is the stream's last for ever. */
  readonly isTombstone?: true;
  /** The one event is new metadata of the stream, and hides all of its events. */
  readonly isDelete?: true;
};

export type JsonAppendRequest = AppendRequest & { readonly events: readonly JsonEvent[] };

type JsonEvent = EncodedEvent & { readonly data: string; readonly metadata: string };

type Refused = Extract<AppendResult, { outcome: 'refused' }>;

export const NIL_UUID = '00000000-0000-0000-0000-000000000000';
const MAX_REVISION = 2n ** 63n - 2n;

/** Checks an append and encodes it; `refused` for an append that no store would accept. */
export function encodeAppend(
  stream: string,
  expected: ExpectedRevision,
  events: readonly EventToAppend[],
  maxBytes = MAX_APPEND_BYTES,
): JsonAppendRequest | Refused {
  const fault = streamFault(stream) ?? expectedFault(expected);
  if (fault !== undefined) return refused('invalid_argument', fault);
  const encoded: JsonEvent[] = [];
  const encodeMetadata = metadataEncoder();
  const ids = new Set<string>();
  let bytes = 0;
  for (const event of events) {
    const result = encodeEvent(event, encodeMetadata(event.metadata));
    if (typeof result === 'string') return refused('invalid_argument', result);
    if (ids.has(result.id)) {
      return refused('invalid_argument', `the append has the event id ${result.id} twice`);
    }
    ids.add(result.id);
    encoded.push(result);
    bytes += result.bytes + Buffer.byteLength(result.type);
  }
  if (bytes > maxBytes) {
    return refused('too_large', `the append has ${bytes} bytes, the most is ${maxBytes}`);
  }
  return { stream, expected: revisionNumber(expected), events: encoded };
}

/** What is wrong with a stream's name, or `undefined`. Names that start with `$` are the server's own. */
export function streamFault(stream: string): string | undefined {
  if (stream === '') return 'the stream name is empty';
  if (stream.startsWith('$')) return `the stream name ${stream} starts with $`;
  if (!isCleanText(stream)) return 'the stream name has a NUL character or a lone surrogate';
  return Buffer.byteLength(stream) > MAX_STREAM_NAME_BYTES
    ? `the stream name is longer than ${MAX_STREAM_NAME_BYTES} bytes`
    : undefined;
}

function expectedFault(expected: ExpectedRevision): string | undefined {
  if (expected === 'no_stream') return undefined;
  return typeof expected === 'bigint' && expected >= 0n && expected <= MAX_REVISION
    ? undefined
    : `the expected revision ${expected} is not a revision`;
}

/** The events of an append mostly share one metadata object, which is encoded once. */
function metadataEncoder(): (metadata: JsonObject) => string | undefined {
  let last: { readonly metadata: JsonObject; readonly text: string | undefined } | undefined;
  return (metadata) => {
    if (last?.metadata !== metadata) last = { metadata, text: encodeJson(metadata) };
    return last.text;
  };
}

function encodeEvent(event: EventToAppend, metadata: string | undefined): JsonEvent | string {
  const { id, type } = event;
  if (!isUuid(id) || id === NIL_UUID) return `the event id ${id} is not a UUID`;
  if (type === '') return 'an event type is empty';
  if (!isCleanText(type)) return 'an event type has a NUL character or a lone surrogate';
  const data = encodeJson(event.data);
  if (data === undefined || metadata === undefined) {
    const what = data === undefined ? 'the data' : 'the metadata';
    return `${what} of event ${id} is not a JSON object of at most ${MAX_STORED_DEPTH} levels`;
  }
  const bytes = Buffer.byteLength(type) + Buffer.byteLength(data) + Buffer.byteLength(metadata);
  return { id: id.toLowerCase(), type, isJson: true, data, metadata, bytes };
}

function encodeJson(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  try {
    const text = JSON.stringify(value);
    return nestsDeeperThan(text, MAX_STORED_DEPTH) ? undefined : text;
  } catch {
    // Callers without types can pass cycles, bigints, or nesting deeper than the stack.
    return undefined;
  }
}

function refused(reason: AppendRefusal, message: string): Refused {
  return { outcome: 'refused', reason, message };
}

// Encodes an append as `BatchAppendReq` messages, each directly into one buffer. The generated classes would cost
// more than all other work of a raise.
import type { AppendRequest, EncodedEvent } from '../common/append-request.ts';
import { NO_STREAM } from '../common/revisions.ts';
import {
  contentTypeEntries,
  TYPE_KEY,
  typeEntrySize,
  delimitedSize,
  field,
  numberField,
  writeHead,
  writeVarint,
} from '../wire/protobuf-writer.ts';

/** Servers accept messages of 4 MiB at least; a larger append is sent in parts. */
const PART_BYTES = 1024 * 1024;

/** What an event needs in a message besides its own bytes: id, metadata keys, tags. */
const EVENT_OVERHEAD_BYTES = 128;

const EMPTY = Buffer.alloc(0);
const IS_FINAL = numberField(4, 1);
const CONTENT_TYPE = contentTypeEntries(2);
/** The field of a UUID as text. */
const ID_BYTES = 40;

/**
 * The messages of one append, in order. They carry no deadline: it would be a time of day, and a server whose
 * clock is ahead would refuse appends that it could write. Servers have a time limit of their own.
 */
export function appendMessages(correlationId: string, request: AppendRequest): Buffer[] {
  const id = field(1, field(2, correlationId));
  const parts: Buffer[] = [];
  let head: Buffer = Buffer.concat([id, field(2, ...optionsOf(request))]);
  let events: Measured[] = [];
  let bytes = 0;
  for (const event of request.events) {
    const size = event.bytes + EVENT_OVERHEAD_BYTES;
    if (bytes > 0 && bytes + size > PART_BYTES) {
      parts.push(message(head, events, EMPTY));
      head = id;
      events = [];
      bytes = 0;
    }
    events.push(measure(event));
    bytes += size;
  }
  parts.push(message(head, events, IS_FINAL));
  return parts;
}

function optionsOf({ stream, expected }: AppendRequest): readonly Buffer[] {
  const name = field(1, field(3, stream));
  return [name, expected === NO_STREAM ? field(3) : numberField(2, expected)];
}

type Measured = {
  readonly event: EncodedEvent;
  readonly type: number;
  readonly data: number;
  readonly metadata: number;
  readonly size: number;
};

function measure(event: EncodedEvent): Measured {
  const type = Buffer.byteLength(event.type);
  const data = lengthOf(event.data);
  const metadata = lengthOf(event.metadata);
  const size =
    ID_BYTES +
    delimitedSize(typeEntrySize(type)) +
    (event.isJson ? CONTENT_TYPE.json : CONTENT_TYPE.bytes).length +
    delimitedSize(metadata) +
    delimitedSize(data);
  return { event, type, data, metadata, size };
}

function message(head: Buffer, events: readonly Measured[], end: Buffer): Buffer {
  const size = events.reduce(
    (sum, event) => sum + delimitedSize(event.size),
    head.length + end.length,
  );
  const target = Buffer.allocUnsafe(size);
  let at = head.copy(target);
  for (const event of events) at = write(target, at, event);
  end.copy(target, at);
  return target;
}

function write(target: Buffer, start: number, measured: Measured): number {
  const { event, type, data, metadata, size } = measured;
  let at = writeHead(target, start, 0x1a, size);
  at = writeHead(target, at, 0x0a, ID_BYTES - 2);
  at = writeHead(target, at, 0x12, event.id.length);
  at += target.write(event.id, at, 'latin1');
  at = writeHead(target, at, 0x12, typeEntrySize(type));
  at += TYPE_KEY.copy(target, at);
  at = writeVarint(target, at, type);
  at += target.write(event.type, at, 'utf8');
  at += (event.isJson ? CONTENT_TYPE.json : CONTENT_TYPE.bytes).copy(target, at);
  at = put(target, writeHead(target, at, 0x1a, metadata), event.metadata);
  return put(target, writeHead(target, at, 0x22, data), event.data);
}

function put(target: Buffer, at: number, content: string | Uint8Array): number {
  if (typeof content === 'string') return at + target.write(content, at, 'utf8');
  target.set(content, at);
  return at + content.length;
}

function lengthOf(content: string | Uint8Array): number {
  return typeof content === 'string' ? Buffer.byteLength(content) : content.length;
}

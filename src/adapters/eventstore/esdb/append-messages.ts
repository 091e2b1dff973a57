// An append as messages of the protocol, written straight into one buffer: the generated classes would
// cost more than the rest of a raise.
import type { AppendRequest, EncodedEvent } from '../common/append-request.ts';
import { NO_STREAM } from '../common/revisions.ts';
import { field, numberField, varintSize, writeVarint } from '../wire/protobuf-writer.ts';

/** Servers take messages of 4 MiB at least; an append of many small events is sent in parts. */
const PART_BYTES = 1024 * 1024;

/** What an event takes in a message beside its own bytes: id, names of facts, tags. */
const EVENT_OVERHEAD_BYTES = 128;

const EMPTY = Buffer.alloc(0);
const IS_FINAL = numberField(4, 1);
const TYPE_KEY = Buffer.from('\n\u0004type\u0012', 'latin1');
const JSON_ENTRY = contentType('application/json');
const BYTES_ENTRY = contentType('application/octet-stream');
/** A UUID's field with its text in it. */
const ID_BYTES = 40;

/**
 * The messages of one append, in order. No deadline goes with them: it would be a time of day, and a
 * server whose clock is ahead refuses what it could have written. Servers have a limit of their own.
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
    events.push(measured(event));
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

function measured(event: EncodedEvent): Measured {
  const type = Buffer.byteLength(event.type);
  const data = lengthOf(event.data);
  const metadata = lengthOf(event.metadata);
  const size =
    ID_BYTES +
    delimited(typeSize(type)) +
    (event.isJson ? JSON_ENTRY : BYTES_ENTRY).length +
    delimited(metadata) +
    delimited(data);
  return { event, type, data, metadata, size };
}

function message(head: Buffer, events: readonly Measured[], tail: Buffer): Buffer {
  const size = events.reduce((sum, one) => sum + delimited(one.size), head.length + tail.length);
  const target = Buffer.allocUnsafe(size);
  let at = head.copy(target);
  for (const one of events) at = write(target, at, one);
  tail.copy(target, at);
  return target;
}

function write(target: Buffer, start: number, one: Measured): number {
  const { event, type, data, metadata, size } = one;
  let at = header(target, start, 0x1a, size);
  at = header(target, at, 0x0a, ID_BYTES - 2);
  at = header(target, at, 0x12, event.id.length);
  at += target.write(event.id, at, 'latin1');
  at = header(target, at, 0x12, typeSize(type));
  at += TYPE_KEY.copy(target, at);
  at = writeVarint(target, at, type);
  at += target.write(event.type, at, 'utf8');
  at += (event.isJson ? JSON_ENTRY : BYTES_ENTRY).copy(target, at);
  at = put(target, header(target, at, 0x1a, metadata), event.metadata);
  return put(target, header(target, at, 0x22, data), event.data);
}

function put(target: Buffer, at: number, content: string | Uint8Array): number {
  if (typeof content === 'string') return at + target.write(content, at, 'utf8');
  target.set(content, at);
  return at + content.length;
}

function lengthOf(content: string | Uint8Array): number {
  return typeof content === 'string' ? Buffer.byteLength(content) : content.length;
}

function typeSize(type: number): number {
  return TYPE_KEY.length + varintSize(type) + type;
}

function delimited(length: number): number {
  return 1 + varintSize(length) + length;
}

function header(target: Buffer, at: number, tag: number, length: number): number {
  target[at] = tag;
  return writeVarint(target, at + 1, length);
}

function contentType(value: string): Buffer {
  return field(2, field(1, 'content-type'), field(2, value));
}

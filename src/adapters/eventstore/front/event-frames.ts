// Stored events as the messages that readers get, encoded straight from the file's bytes into one
// buffer. The generated classes would cost several times as much for each event.
import type { StoredEvent } from '../embedded/rows.ts';
import { TOMBSTONE_ON_WIRE, TOMBSTONE_REVISION } from '../common/revisions.ts';
import { field, numberField, varintSize, writeVarint } from '../wire/protobuf-writer.ts';
import { uuidHalves } from '../wire/uuid-bytes.ts';

/** An event on its way to a reader, its link already followed. */
export type OutgoingEvent = {
  /** Absent when a link leads nowhere. */
  readonly event: StoredEvent | undefined;
  readonly link: StoredEvent | undefined;
  /** Where it lies in the log: the link's place, if it is one. */
  readonly position: number;
};

/** How a reader wants UUIDs. */
export type UuidForm = 'text' | 'halves';

const TYPE_KEY = Buffer.from('\n\u0004type\u0012', 'latin1');
const CREATED_KEY = Buffer.from('\n\u0007created\u0012', 'latin1');
const JSON_ENTRY = contentType('application/json');
const BYTES_ENTRY = contentType('application/octet-stream');
const TEXT_UUID_BYTES = 38;
/** A stream that was deleted for ever ends with a revision that has a form of its own on the wire. */
const LAST_REVISION = Number(TOMBSTONE_REVISION);
const LAST_ON_WIRE = numberField(3, TOMBSTONE_ON_WIRE).subarray(1);

/** A `ReadResp` with an event. */
export function eventMessage({ event, link, position }: OutgoingEvent, form: UuidForm): Buffer {
  const parts = [
    event === undefined ? undefined : measured(event, form),
    link === undefined ? undefined : measured(link, form),
  ];
  let inner = 1 + varintSize(position);
  for (const part of parts) {
    if (part !== undefined) inner += 1 + varintSize(part.size) + part.size;
  }
  const target = Buffer.allocUnsafe(1 + varintSize(inner) + inner);
  target[0] = 0x0a;
  let at = writeVarint(target, 1, inner);
  for (const [i, part] of parts.entries()) {
    if (part === undefined) continue;
    target[at] = i === 0 ? 0x0a : 0x12;
    at = writeVarint(target, at + 1, part.size);
    at = writeRecorded(target, at, part);
  }
  target[at] = 0x18;
  writeVarint(target, at + 1, position);
  return target;
}

type Measured = {
  readonly stored: StoredEvent;
  /** The id's message, when it is not the text. */
  readonly halves: Buffer | undefined;
  readonly name: number;
  readonly type: number;
  /** Ticks of 100 ns since 1970. */
  readonly created: string;
  readonly size: number;
};

function measured(stored: StoredEvent, form: UuidForm): Measured {
  const halves = form === 'halves' ? uuidHalves(stored.id) : undefined;
  const name = Buffer.byteLength(stored.stream);
  const type = Buffer.byteLength(stored.type);
  const created = `${stored.created}0000`;
  const place = 1 + varintSize(stored.position);
  const revision =
    stored.revision === LAST_REVISION ? LAST_ON_WIRE.length : varintSize(stored.revision);
  const size =
    delimited(halves?.length ?? TEXT_UUID_BYTES) +
    delimited(delimited(name)) +
    1 +
    revision +
    2 * place +
    delimited(typeSize(type)) +
    (stored.isJson ? JSON_ENTRY : BYTES_ENTRY).length +
    delimited(createdSize(created)) +
    delimited(stored.metadata.length) +
    delimited(stored.data.length);
  return { stored, halves, name, type, created, size };
}

function writeRecorded(target: Buffer, start: number, measured: Measured): number {
  const { stored, halves, name, type, created } = measured;
  let at = header(target, start, 0x0a, halves?.length ?? TEXT_UUID_BYTES);
  if (halves === undefined) {
    at = header(target, at, 0x12, stored.id.length);
    at += target.write(stored.id, at, 'latin1');
  } else {
    at += halves.copy(target, at);
  }
  at = header(target, at, 0x12, delimited(name));
  at = header(target, at, 0x1a, name);
  at += target.write(stored.stream, at, 'utf8');
  if (stored.revision === LAST_REVISION) {
    target[at] = 0x18;
    at += 1 + LAST_ON_WIRE.copy(target, at + 1);
  } else {
    at = number(target, at, 0x18, stored.revision);
  }
  at = number(target, at, 0x20, stored.position);
  at = number(target, at, 0x28, stored.position);
  at = header(target, at, 0x32, typeSize(type));
  at += TYPE_KEY.copy(target, at);
  at = writeVarint(target, at, type);
  at += target.write(stored.type, at, 'utf8');
  at += (stored.isJson ? JSON_ENTRY : BYTES_ENTRY).copy(target, at);
  at = header(target, at, 0x32, createdSize(created));
  at += CREATED_KEY.copy(target, at);
  at = writeVarint(target, at, created.length);
  at += target.write(created, at, 'latin1');
  at = header(target, at, 0x3a, stored.metadata.length);
  target.set(stored.metadata, at);
  at = header(target, at + stored.metadata.length, 0x42, stored.data.length);
  target.set(stored.data, at);
  return at + stored.data.length;
}

function typeSize(type: number): number {
  return TYPE_KEY.length + varintSize(type) + type;
}

function createdSize(created: string): number {
  return CREATED_KEY.length + 1 + created.length;
}

/** The size of a field with so many bytes in it; its number is small enough for one byte of tag. */
function delimited(length: number): number {
  return 1 + varintSize(length) + length;
}

function header(target: Buffer, at: number, tag: number, length: number): number {
  target[at] = tag;
  return writeVarint(target, at + 1, length);
}

function number(target: Buffer, at: number, tag: number, value: number): number {
  target[at] = tag;
  return writeVarint(target, at + 1, value);
}

function contentType(value: string): Buffer {
  return field(6, field(1, 'content-type'), field(2, value));
}

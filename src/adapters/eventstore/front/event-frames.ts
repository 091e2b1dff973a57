// Encodes stored events as `ReadResp` messages into one buffer: the generated classes cost several times as much.
import type { StoredEvent } from '../embedded/rows.ts';
import { TOMBSTONE_ON_WIRE, TOMBSTONE_REVISION } from '../common/revisions.ts';
import {
  contentTypeEntries,
  TYPE_KEY,
  typeEntrySize,
  delimitedSize,
  numberField,
  varintSize,
  writeHead,
  writeVarint,
  field,
} from '../wire/protobuf-writer.ts';
import { uuidHalves } from '../wire/uuid-bytes.ts';

/** An event for a reader, its link already resolved. */
export type OutgoingEvent = {
  /** Absent when the link has no target. */
  readonly event: StoredEvent | undefined;
  readonly link: StoredEvent | undefined;
  /** The position in the log; of a resolved link, that of the link. */
  readonly position: number;
};

/** The form of UUIDs that a reader asks for. */
export type UuidForm = 'text' | 'halves';

const CREATED_KEY = Buffer.from('\n\u0007created\u0012', 'latin1');
const CONTENT_TYPE = contentTypeEntries(6);
const TEXT_UUID_BYTES = 38;
/** A tombstone has another revision on the wire than in the file. */
const LAST_REVISION = Number(TOMBSTONE_REVISION);
const LAST_ON_WIRE = numberField(3, TOMBSTONE_ON_WIRE).subarray(1);

/** A `ReadResp` with an event. */
export function eventMessage({ event, link, position }: OutgoingEvent, form: UuidForm): Buffer {
  const parts = [
    event === undefined ? undefined : measure(event, form),
    link === undefined ? undefined : measure(link, form),
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
  /** The id as a message of two halves; `undefined` when the reader wants text. */
  readonly halves: Buffer | undefined;
  readonly name: number;
  readonly type: number;
  /** Ticks of 100 ns since 1970. */
  readonly created: string;
  readonly size: number;
};

function measure(stored: StoredEvent, form: UuidForm): Measured {
  const halves = form === 'halves' ? uuidHalves(stored.id) : undefined;
  const name = Buffer.byteLength(stored.stream);
  const type = Buffer.byteLength(stored.type);
  const created = `${stored.created}0000`;
  const position = 1 + varintSize(stored.position);
  const revision =
    stored.revision === LAST_REVISION ? LAST_ON_WIRE.length : varintSize(stored.revision);
  const size =
    delimitedSize(halves?.length ?? TEXT_UUID_BYTES) +
    delimitedSize(delimitedSize(name)) +
    1 +
    revision +
    2 * position +
    delimitedSize(typeEntrySize(type)) +
    (stored.isJson ? CONTENT_TYPE.json : CONTENT_TYPE.bytes).length +
    delimitedSize(createdSize(created)) +
    delimitedSize(stored.metadata.length) +
    delimitedSize(stored.data.length);
  return { stored, halves, name, type, created, size };
}

function writeRecorded(target: Buffer, start: number, measured: Measured): number {
  const { stored, halves, name, type, created } = measured;
  let at = writeHead(target, start, 0x0a, halves?.length ?? TEXT_UUID_BYTES);
  if (halves === undefined) {
    at = writeHead(target, at, 0x12, stored.id.length);
    at += target.write(stored.id, at, 'latin1');
  } else {
    at += halves.copy(target, at);
  }
  at = writeHead(target, at, 0x12, delimitedSize(name));
  at = writeHead(target, at, 0x1a, name);
  at += target.write(stored.stream, at, 'utf8');
  if (stored.revision === LAST_REVISION) {
    target[at] = 0x18;
    at += 1 + LAST_ON_WIRE.copy(target, at + 1);
  } else {
    at = writeHead(target, at, 0x18, stored.revision);
  }
  at = writeHead(target, at, 0x20, stored.position);
  at = writeHead(target, at, 0x28, stored.position);
  at = writeHead(target, at, 0x32, typeEntrySize(type));
  at += TYPE_KEY.copy(target, at);
  at = writeVarint(target, at, type);
  at += target.write(stored.type, at, 'utf8');
  at += (stored.isJson ? CONTENT_TYPE.json : CONTENT_TYPE.bytes).copy(target, at);
  at = writeHead(target, at, 0x32, createdSize(created));
  at += CREATED_KEY.copy(target, at);
  at = writeVarint(target, at, created.length);
  at += target.write(created, at, 'latin1');
  at = writeHead(target, at, 0x3a, stored.metadata.length);
  target.set(stored.metadata, at);
  at = writeHead(target, at + stored.metadata.length, 0x42, stored.data.length);
  target.set(stored.data, at);
  return at + stored.data.length;
}

function createdSize(created: string): number {
  return CREATED_KEY.length + 1 + created.length;
}

export function confirmationMessage(subscriptionId: string): Buffer {
  return field(2, field(1, subscriptionId));
}

export function checkpointMessage(commit: bigint, prepare: bigint): Buffer {
  return field(3, numberField(1, commit), numberField(2, prepare));
}

export function streamNotFoundMessage(stream: string): Buffer {
  return field(4, streamIdentifier(1, stream));
}

export const CAUGHT_UP_MESSAGE = field(8);

/** A stream's identifier as the field of a message. */
export function streamIdentifier(number: number, stream: string): Buffer {
  return field(number, field(3, stream));
}

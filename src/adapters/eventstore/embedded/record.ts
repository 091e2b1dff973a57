// A record: the events of one append, or a part of them, as one value of the file.
//
// | bytes | content                                                                                      |
// | ----- | -------------------------------------------------------------------------------------------- |
// | 1     | 1: the content is packed with dictionary 1; 0: it is plain                                   |
// | n     | varints: the number of events, the size of the content, the size of the content without heads |
// | 16 k  | the ids of the events                                                                        |
// | rest  | the content: type, data and metadata of each event, then a head for each                     |
//
// A head is a byte of flags and the sizes of type, data and metadata as varints. An event with the same metadata as the
// event before it has none of its own.
import type { EncodedEvent } from '../common/append-request.ts';
import { DICTIONARY } from './dictionary.ts';
import { packer } from './pack.ts';

export const ID_BYTES = 16;

/** What a position counts of an event besides its content, so that no two positions are adjacent. */
const PLACE_BYTES = 36;

/** A larger append becomes several records, so that a reader of one event unpacks little. */
export const MAX_RECORD_EVENTS = 64;
export const MAX_RECORD_BYTES = 64 * 1024;

const FLAGS = { json: 1, sameMetadata: 2 };
const FORMS = { plain: 0, packed: 1 };

/** An event of a record. Contents are parts of one buffer; equal metadata of neighbours are one object. */
export type RecordedContent = {
  readonly id: string;
  readonly type: string;
  readonly isJson: boolean;
  readonly data: Buffer;
  readonly metadata: Buffer;
};

/** A record before it is packed, as the writing thread receives it. */
export type PlainRecord = {
  readonly count: number;
  /** Size of the content without the heads. */
  readonly texts: number;
  readonly ids: Uint8Array;
  readonly content: Uint8Array;
};

const { pack, unpack } = packer(DICTIONARY);

/** The most bytes that {@link writeContent} writes. */
export function contentBytes(events: readonly EncodedEvent[]): number {
  let bytes = 0;
  for (const event of events) bytes += event.bytes + 16;
  return bytes;
}

/** Writes the content of a record; returns its end and the end of its texts. */
export function writeContent(
  target: Buffer,
  start: number,
  events: readonly EncodedEvent[],
): { readonly end: number; readonly texts: number } {
  const heads: number[] = [];
  let at = start;
  let last: EncodedEvent['metadata'] | undefined;
  for (const { type, isJson, data, metadata } of events) {
    const typeEnd = at + target.write(type, at);
    const dataEnd = writeBytes(target, typeEnd, data);
    const same = metadata === last;
    const end = same ? dataEnd : writeBytes(target, dataEnd, metadata);
    last = metadata;
    heads.push((isJson ? FLAGS.json : 0) | (same ? FLAGS.sameMetadata : 0));
    heads.push(typeEnd - at, dataEnd - typeEnd);
    if (!same) heads.push(end - dataEnd);
    at = end;
  }
  const texts = at - start;
  for (const head of heads) at = writeVarint(target, at, head);
  return { end: at, texts };
}

function writeBytes(target: Buffer, at: number, bytes: string | Uint8Array): number {
  if (typeof bytes === 'string') return at + target.write(bytes, at);
  target.set(bytes, at);
  return at + bytes.length;
}

const MOST_PREFIX_BYTES = 1 + 3 * 5;

/** The value to store. */
export function packRecord({ count, texts, ids, content }: PlainRecord): Uint8Array {
  const packed = pack(content);
  const isSmaller = packed.length < content.length;
  const body = isSmaller ? packed : content;
  const record = Buffer.allocUnsafe(MOST_PREFIX_BYTES + ids.length + body.length);
  record[0] = isSmaller ? FORMS.packed : FORMS.plain;
  let at = writeVarint(record, 1, count);
  at = writeVarint(record, at, content.length);
  at = writeVarint(record, at, texts);
  record.set(ids, at);
  record.set(body, at + ids.length);
  return record.subarray(0, at + ids.length + body.length);
}

/** @throws RangeError when the value is no record */
export function unpackRecord(record: Uint8Array): PlainRecord {
  const cursor = { bytes: record, at: 1 };
  const count = readVarint(cursor);
  const size = readVarint(cursor);
  const texts = readVarint(cursor);
  const idsEnd = cursor.at + count * ID_BYTES;
  const ids = record.subarray(cursor.at, idsEnd);
  const body = record.subarray(idsEnd);
  const [form] = record;
  if (form !== FORMS.packed && form !== FORMS.plain) throw new RangeError(`no record: ${form}`);
  const content = form === FORMS.packed ? unpack(body, size) : body;
  if (ids.length !== count * ID_BYTES || content.length !== size) throw new RangeError('no record');
  return { count, texts, ids, content };
}

/** The events of a record. @throws RangeError when it is damaged */
export function contentsOf({ count, texts, ids, content }: PlainRecord): RecordedContent[] {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  const hex = Buffer.from(ids.buffer, ids.byteOffset, ids.length).toString('hex');
  const cursor = { bytes, at: texts };
  const events: RecordedContent[] = [];
  let at = 0;
  let metadata = bytes.subarray(0, 0);
  for (let n = 0; n < count; n += 1) {
    const flags = readVarint(cursor);
    const typeEnd = at + readVarint(cursor);
    const dataEnd = typeEnd + readVarint(cursor);
    let end = dataEnd;
    if ((flags & FLAGS.sameMetadata) === 0) {
      end += readVarint(cursor);
      metadata = bytes.subarray(dataEnd, end);
    }
    if (end > texts) throw new RangeError('no record');
    const type = bytes.toString('utf8', at, typeEnd);
    const data = bytes.subarray(typeEnd, dataEnd);
    const isJson = (flags & FLAGS.json) !== 0;
    events.push({ id: uuidAt(hex, n), type, isJson, data, metadata });
    at = end;
  }
  return events;
}

/** How far an event moves the position of the log: its UTF-8 bytes and some. */
export function lengthOf({ type, data, metadata }: RecordedContent): number {
  return PLACE_BYTES + Buffer.byteLength(type) + data.length + metadata.length;
}

/** The same of events that are not stored yet. */
export function lengthOfAll(events: readonly EncodedEvent[]): number {
  let length = 0;
  for (const { bytes } of events) length += PLACE_BYTES + bytes;
  return length;
}

/** Where the events of a record are, given the place of its last event. */
export function placesOf(record: PlainRecord, last: Place): (Place & { readonly id: string })[] {
  const events = contentsOf(record);
  const places: (Place & { readonly id: string })[] = [];
  let { revision, position } = last;
  for (const event of events.toReversed()) {
    places.push({ id: event.id, revision, position });
    revision -= 1n;
    position -= BigInt(lengthOf(event));
  }
  return places.reverse();
}

type Place = { readonly revision: bigint; readonly position: bigint };

/** The ids as text. */
export function idsOf({ count, ids }: Pick<PlainRecord, 'count' | 'ids'>): string[] {
  const hex = Buffer.from(ids.buffer, ids.byteOffset, ids.length).toString('hex');
  return Array.from({ length: count }, (_, n) => uuidAt(hex, n));
}

function uuidAt(hex: string, n: number): string {
  const at = n * 2 * ID_BYTES;
  return `${hex.slice(at, at + 8)}-${hex.slice(at + 8, at + 12)}-${hex.slice(at + 12, at + 16)}-${hex.slice(at + 16, at + 20)}-${hex.slice(at + 20, at + 32)}`;
}

export function writeVarint(target: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) target[at++] = (rest & 127) | 128;
  target[at] = rest;
  return at + 1;
}

function readVarint(cursor: { readonly bytes: Uint8Array; at: number }): number {
  let value = 0;
  for (let scale = 1; scale < 2 ** 35; scale *= 128) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) break;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
  throw new RangeError('no record');
}

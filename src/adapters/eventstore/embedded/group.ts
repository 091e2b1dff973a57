// A group of appends as one buffer: the writing thread gets bytes that it packs and stores, and copies no objects.
import type { AppendRequest, EncodedEvent } from '../common/append-request.ts';
import {
  contentBytes,
  ID_BYTES,
  lengthOfAll,
  MAX_RECORD_BYTES,
  MAX_RECORD_EVENTS,
  writeContent,
  type PlainRecord,
} from './record.ts';

/** An append; `n` pairs it with its answer. */
export type Numbered = { readonly n: number; readonly request: AppendRequest };

/** A record with the length by which it moves the log's position. */
export type NewRecord = PlainRecord & { readonly length: number };

/** An append as the writing thread has it. */
export type StoredAppend = Pick<AppendRequest, 'stream' | 'expected'> & {
  readonly n: number;
  readonly isTombstone: boolean;
  readonly isDelete: boolean;
  readonly records: readonly NewRecord[];
};

const FLAGS = { tombstone: 1, delete: 2 };
/** Number, flags, expected revision, length of the stream's name, number of records. */
const HEAD_BYTES = 4 + 1 + 8 + 2 + 4;
const RECORD_HEAD_BYTES = 4 * 4;

/** The buffer's memory is its own, so that it can be transferred. */
export function encodeGroup(appends: readonly Numbered[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const { request } of appends) {
    const { stream, events } = request;
    const idBytes = events.length * (ID_BYTES + RECORD_HEAD_BYTES);
    size += HEAD_BYTES + stream.length * 3 + idBytes + contentBytes(events);
  }
  const target = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const append of appends) at = writeAppend(target, at, append);
  return target.subarray(0, at);
}

function writeAppend(target: Buffer, start: number, { n, request }: Numbered): number {
  const { stream, expected, events, isTombstone, isDelete } = request;
  const parts = partsOf(events);
  target.writeUInt32LE(n, start);
  target[start + 4] = (isTombstone ? FLAGS.tombstone : 0) | (isDelete ? FLAGS.delete : 0);
  target.writeBigInt64LE(expected, start + 5);
  const name = target.write(stream, start + HEAD_BYTES);
  target.writeUInt16LE(name, start + 13);
  target.writeUInt32LE(parts.length, start + 15);
  let at = start + HEAD_BYTES + name;
  for (const part of parts) at = writeRecord(target, at, part);
  return at;
}

function writeRecord(target: Buffer, start: number, events: readonly EncodedEvent[]): number {
  const idsAt = start + RECORD_HEAD_BYTES;
  let contentAt = idsAt;
  for (const { id } of events) contentAt += target.write(id.replaceAll('-', ''), contentAt, 'hex');
  const { end, texts } = writeContent(target, contentAt, events);
  target.writeUInt32LE(events.length, start);
  target.writeUInt32LE(texts, start + 4);
  target.writeUInt32LE(end - contentAt, start + 8);
  target.writeUInt32LE(lengthOfAll(events), start + 12);
  return end;
}

/** A record of events that come from no writer. */
export function newRecord(events: readonly EncodedEvent[]): NewRecord {
  const target = Buffer.alloc(contentBytes(events));
  const { end, texts } = writeContent(target, 0, events);
  const ids = Buffer.from(events.map(({ id }) => id.replaceAll('-', '')).join(''), 'hex');
  const content = target.subarray(0, end);
  return { count: events.length, texts, length: lengthOfAll(events), ids, content };
}

/** The events of each record. */
function partsOf(events: readonly EncodedEvent[]): readonly (readonly EncodedEvent[])[] {
  let bytes = 0;
  for (const event of events) bytes += event.bytes;
  if (events.length === 0) return [];
  if (events.length <= MAX_RECORD_EVENTS && bytes <= MAX_RECORD_BYTES) return [events];
  const parts: EncodedEvent[][] = [];
  let last: EncodedEvent[] = [];
  let room = 0;
  for (const event of events) {
    if (last.length === MAX_RECORD_EVENTS || event.bytes > room) {
      last = [];
      parts.push(last);
      room = MAX_RECORD_BYTES;
    }
    last.push(event);
    room -= event.bytes;
  }
  return parts;
}

/** The appends of a buffer; their bytes stay parts of it. */
export function decodeGroup(bytes: Uint8Array): readonly StoredAppend[] {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const appends: StoredAppend[] = [];
  let at = 0;
  const take = (length: number): Buffer => {
    at += length;
    return source.subarray(at - length, at);
  };
  while (at < source.length) {
    const n = source.readUInt32LE(at);
    const flags = source[at + 4] ?? 0;
    const expected = source.readBigInt64LE(at + 5);
    const name = source.readUInt16LE(at + 13);
    const count = source.readUInt32LE(at + 15);
    at += HEAD_BYTES;
    const stream = take(name).toString('utf8');
    const records: NewRecord[] = [];
    for (let i = 0; i < count; i += 1) {
      const events = source.readUInt32LE(at);
      const texts = source.readUInt32LE(at + 4);
      const size = source.readUInt32LE(at + 8);
      const length = source.readUInt32LE(at + 12);
      at += RECORD_HEAD_BYTES;
      const ids = take(events * ID_BYTES);
      records.push({ count: events, texts, length, ids, content: take(size) });
    }
    const isTombstone = (flags & FLAGS.tombstone) !== 0;
    appends.push({
      n,
      stream,
      expected,
      isTombstone,
      isDelete: (flags & FLAGS.delete) !== 0,
      records,
    });
  }
  return appends;
}

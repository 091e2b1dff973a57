// Decodes the server's answers to reads, because the generated classes would cost several times as much for each
// event. Data and metadata that are not JSON become `unreadable`.
import type { Json } from '../../../domain/core/json.ts';
import type { RecordedEvent, Unreadable } from '../../../domain/core/recorded-event.ts';
import type { Position } from '../../../domain/core/positions.ts';
import { jsonOf, unreadable } from '../common/stored-json.ts';
import { JSON_CONTENT } from '../wire/protobuf-writer.ts';
import { visitFields } from '../wire/protobuf-reader.ts';
import { readUuid } from '../wire/uuid-bytes.ts';

/** Positions are signed numbers on the server's disk; a larger number means "unknown". */
const MAX_POSITION = 2n ** 63n - 1n;

/** An answer to a read or subscription; `other` for answers that the adapter does not use. */
export type ReadAnswer =
  /** `bytes`: the size of data and metadata. */
  | { readonly kind: 'event'; readonly event: RecordedEvent; readonly bytes: number }
  /** Without a position where the server names none: version 24.6 sends 2^64-1 then. */
  | { readonly kind: 'checkpoint'; readonly position: Position | undefined }
  | { readonly kind: 'confirmed' | 'caughtUp' | 'other' };

/** Decodes a `ReadResp`. @throws Error when the bytes are no such message, or an event has no position */
export type DecodeReadAnswer = (answer: Buffer) => ReadAnswer;

/** Decodes the answers of one call. The events of an append have equal metadata, which become one object. */
export function readAnswerDecoder(): DecodeReadAnswer {
  let last: { readonly bytes: Buffer; readonly value: Json | Unreadable } | undefined;
  const metadataOf: MetadataReader = (bytes) => {
    if (last?.bytes.equals(bytes) !== true) last = { bytes, value: jsonOf(bytes) };
    return last.value;
  };
  return (answer) => decode(answer, metadataOf);
}

/** Decodes a single answer. */
export function decodeReadAnswer(answer: Buffer): ReadAnswer {
  return decode(answer, jsonOf);
}

type MetadataReader = (bytes: Buffer) => Json | Unreadable;

function decode(answer: Buffer, metadataOf: MetadataReader): ReadAnswer {
  let decoded: ReadAnswer = { kind: 'other' };
  visitFields(answer, 0, answer.length, {
    bytes(number, start, end) {
      switch (number) {
        case 1:
          decoded = eventIn(answer, start, end, metadataOf) ?? decoded;
          break;
        case 2:
          decoded = { kind: 'confirmed' };
          break;
        case 3:
          decoded = { kind: 'checkpoint', position: checkpointPosition(answer, start, end) };
          break;
        case 8:
          decoded = { kind: 'caughtUp' };
      }
    },
  });
  return decoded;
}

/** The requests do not resolve links, so a link is an event like others. */
function eventIn(
  answer: Buffer,
  from: number,
  to: number,
  metadataOf: MetadataReader,
): ReadAnswer | undefined {
  let decoded: ReadAnswer | undefined;
  visitFields(answer, from, to, {
    bytes(number, start, end) {
      if (number === 1) decoded = recordedIn(answer, start, end, metadataOf);
    },
  });
  return decoded;
}

function recordedIn(
  answer: Buffer,
  from: number,
  to: number,
  metadataOf: MetadataReader,
): ReadAnswer {
  let [id, stream, type, contentType] = ['', '', '', ''];
  let [revision, prepare, commit] = [0n, 0n, 0n];
  let [dataStart, dataEnd, metadataStart, metadataEnd] = [0, 0, 0, 0];
  visitFields(answer, from, to, {
    number(number, value) {
      if (number === 3) revision = value;
      if (number === 4) prepare = value;
      if (number === 5) commit = value;
    },
    bytes(number, start, end) {
      switch (number) {
        case 1:
          id = readUuid(answer, start, end) ?? '';
          break;
        case 2:
          stream = lastText(answer, start, end, 3);
          break;
        case 6: {
          const key = lastText(answer, start, end, 1);
          if (key === 'type') type = lastText(answer, start, end, 2);
          if (key === 'content-type') contentType = lastText(answer, start, end, 2);
          break;
        }
        case 7:
          [metadataStart, metadataEnd] = [start, end];
          break;
        case 8:
          [dataStart, dataEnd] = [start, end];
      }
    },
  });
  const position = positionFrom(commit, prepare);
  if (position === undefined)
    throw new TypeError('the event store sent an event without a position');
  const bytes = answer.subarray(dataStart, dataEnd);
  const data = contentType === JSON_CONTENT ? jsonOf(bytes) : unreadable(bytes);
  const metadata = metadataOf(answer.subarray(metadataStart, metadataEnd));
  return {
    kind: 'event',
    event: { id, stream, revision, position, type, data, metadata },
    bytes: dataEnd - dataStart + metadataEnd - metadataStart,
  };
}

/** The text of one field of a small message. */
function lastText(answer: Buffer, from: number, to: number, wanted: number): string {
  let text = '';
  visitFields(answer, from, to, {
    bytes(number, start, end) {
      if (number === wanted) text = answer.toString('utf8', start, end);
    },
  });
  return text;
}

/** The position of an event: a message whose first two numbers are the two parts. */
export function readPosition(answer: Buffer, start: number, end: number): Position | undefined {
  const { commit, prepare } = twoNumbers(answer, start, end);
  return positionFrom(commit, prepare);
}

/**
 * The position of a checkpoint. During catch-up servers send (k, 0): everything before k has been looked at, and
 * k has not.
 */
function checkpointPosition(answer: Buffer, start: number, end: number): Position | undefined {
  const position = twoNumbers(answer, start, end);
  return position.commit > MAX_POSITION || position.prepare > position.commit
    ? undefined
    : position;
}

function twoNumbers(answer: Buffer, start: number, end: number): Position {
  let [commit, prepare] = [0n, 0n];
  visitFields(answer, start, end, {
    number(number, value) {
      if (number === 1) commit = value;
      if (number === 2) prepare = value;
    },
  });
  return { commit, prepare };
}

/** Both parts, or nothing: to resume from half a position has lost events on real servers. */
function positionFrom(commit: bigint, prepare: bigint): Position | undefined {
  if (commit > MAX_POSITION || prepare > MAX_POSITION) return undefined;
  return prepare === 0n && commit !== 0n ? undefined : { commit, prepare };
}

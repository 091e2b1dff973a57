// Decodes the server's answers to reads, because the generated classes would cost several times as much for each
// event. Data and metadata that are not JSON become `unreadable`.
import { isUtf8 } from 'node:buffer';
import { type Json, parseJsonText } from '../../../domain/core/json.ts';
import type { RecordedEvent, Unreadable } from '../../../domain/core/recorded-event.ts';
import type { Position } from '../../../domain/core/positions.ts';
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
export function decodeReadAnswer(answer: Buffer): ReadAnswer {
  let decoded: ReadAnswer = { kind: 'other' };
  visitFields(answer, 0, answer.length, {
    bytes(number, start, end) {
      switch (number) {
        case 1:
          decoded = eventIn(answer, start, end) ?? decoded;
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
function eventIn(answer: Buffer, from: number, to: number): ReadAnswer | undefined {
  let decoded: ReadAnswer | undefined;
  visitFields(answer, from, to, {
    bytes(number, start, end) {
      if (number === 1) decoded = recordedIn(answer, start, end);
    },
  });
  return decoded;
}

function recordedIn(answer: Buffer, from: number, to: number): ReadAnswer {
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
  return {
    kind: 'event',
    event: {
      id,
      stream,
      revision,
      position,
      type,
      data:
        contentType === JSON_CONTENT
          ? jsonOf(answer, dataStart, dataEnd)
          : { unreadable: bytesOf(answer, dataStart, dataEnd) },
      metadata: jsonOf(answer, metadataStart, metadataEnd),
    },
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

function jsonOf(answer: Buffer, start: number, end: number): Json | Unreadable {
  const text = answer.toString('utf8', start, end);
  // Bytes that are not UTF-8 decode to this character, but UTF-8 text may hold it as well.
  if (text.includes('\uFFFD') && !isUtf8(answer.subarray(start, end))) {
    return { unreadable: bytesOf(answer, start, end) };
  }
  try {
    return parseJsonText(text);
  } catch {
    return { unreadable: bytesOf(answer, start, end) };
  }
}

/** A copy: a view would keep the whole answer in memory. */
function bytesOf(answer: Buffer, start: number, end: number): Uint8Array {
  return new Uint8Array(answer.subarray(start, end));
}

// Decodes the server's answers to appends: `BatchAppendResp` messages.
import { START_POSITION } from '../../../domain/core/positions.ts';
import type { AppendResult, ExpectedRevision } from '../../../domain/ports/event-store.ts';
import type { AppendRequest } from '../common/append-request.ts';
import { NO_STREAM } from '../common/revisions.ts';
import { visitFields } from '../wire/protobuf-reader.ts';
import { readUuid } from '../wire/uuid-bytes.ts';
import { readPosition } from './read-answers.ts';

/** The gRPC status codes of an append that is refused at every attempt, and of one that finds no room on the disk. */
const INVALID_ARGUMENT = 3;
const RESOURCE_EXHAUSTED = 8;

const MAX_REVISION = 2n ** 63n - 1n;

export type AppendAnswer =
  | AppendResult
  /** A repeated append whose position the server does not send again. */
  | { readonly outcome: 'position_unknown'; readonly revision: bigint }
  /** The node did not handle the append: it is not ready, too busy, or knows no leader. */
  | { readonly outcome: 'not_written'; readonly message: string };

/** A `BatchAppendResp`: the correlation id of its append, and the bytes of the answer. */
export type BatchReply = {
  readonly buffer: Buffer;
  readonly id: string | undefined;
  readonly success: Range | undefined;
  readonly error: Range | undefined;
};

type Range = readonly [start: number, end: number];

/** @throws Error when the bytes are no such message */
export function readReply(buffer: Buffer): BatchReply {
  let id: string | undefined;
  let success: Range | undefined;
  let error: Range | undefined;
  visitFields(buffer, 0, buffer.length, {
    bytes(number, start, end) {
      if (number === 1) id = readUuid(buffer, start, end);
      if (number === 2) error = [start, end];
      if (number === 3) success = [start, end];
    },
  });
  return { buffer, id, success, error };
}

/** @throws Error when the bytes are no such message */
export function answerOf(
  request: AppendRequest,
  { buffer, success, error }: BatchReply,
): AppendAnswer {
  if (success === undefined) return refusalOf(buffer, error);
  let revision = 0n;
  let at: Range | undefined;
  visitFields(buffer, ...success, {
    number(number, value) {
      if (number === 1) revision = value;
    },
    bytes(number, start, end) {
      if (number === 2) revision = NO_STREAM;
      if (number === 3) at = [start, end];
    },
  });
  // An append without events writes nothing, so it has no position.
  if (request.events.length === 0)
    return { outcome: 'appended', revision, position: START_POSITION };
  const position = at && readPosition(buffer, ...at);
  return position === undefined
    ? { outcome: 'position_unknown', revision }
    : { outcome: 'appended', revision, position };
}

/** Servers say `StreamDeleted`. */
const DELETED = 'the stream was deleted for ever: it has a tombstone';

function refusalOf(buffer: Buffer, error: Range | undefined): AppendAnswer {
  if (error === undefined) {
    return unknown('the answer is neither a success nor an error');
  }
  let code = 0;
  let message = '';
  let type = '';
  let details: Range = [0, 0];
  visitFields(buffer, ...error, {
    number(number, value) {
      if (number === 1) code = Number(value);
    },
    bytes(number, start, end) {
      if (number === 2) message = buffer.toString('utf8', start, end);
      if (number !== 3) return;
      visitFields(buffer, start, end, {
        bytes(inner, first, last) {
          if (inner === 1) type = buffer.toString('utf8', first, last);
          if (inner === 2) details = [first, last];
        },
      });
    },
  });
  switch (type.slice(type.lastIndexOf('/') + 1)) {
    case 'event_store.client.WrongExpectedVersion':
      return { outcome: 'conflict', actual: actualIn(buffer, ...details) };
    case 'event_store.client.StreamDeleted':
      return { outcome: 'refused', reason: 'stream_deleted', message: DELETED };
    case 'event_store.client.AccessDenied':
      return {
        outcome: 'refused',
        reason: 'access_denied',
        message: `the event store denies this append: ${message}`,
      };
    case 'event_store.client.MaximumAppendSizeExceeded':
    case 'event_store.client.MaximumAppendEventSizeExceeded':
      return { outcome: 'refused', reason: 'too_large', message };
    case 'event_store.client.BadRequest':
      if (code === RESOURCE_EXHAUSTED)
        return { outcome: 'refused', reason: 'storage_full', message };
      // The caller is at fault only where the status says so; the front has failures of its own.
      return code === INVALID_ARGUMENT
        ? { outcome: 'refused', reason: 'invalid_argument', message }
        : unknown(`the event store answered: ${message}`);
    case 'google.protobuf.Empty':
      return { outcome: 'not_written', message: `the event store answered: ${message}` };
    default:
      // Timeouts, and errors of later servers.
      return code === INVALID_ARGUMENT
        ? { outcome: 'refused', reason: 'invalid_argument', message }
        : unknown(`the event store answered: ${message}`);
  }
}

function actualIn(buffer: Buffer, start: number, end: number): ExpectedRevision {
  let actual: ExpectedRevision = 'no_stream';
  visitFields(buffer, start, end, {
    number(number, value) {
      if (number === 1 && value <= MAX_REVISION) actual = value;
    },
  });
  return actual;
}

function unknown(message: string): AppendResult {
  return { outcome: 'unknown', message };
}

// Encodes the answers to appends for both calls. `Append` answers a conflict with a response and other failures with a
// gRPC status; `BatchAppend` answers every failure with a status inside a response.
import { status } from '@grpc/grpc-js';
import type { Position } from '../../../domain/core/positions.ts';
import { ANY_REVISION, NO_STREAM, STREAM_EXISTS } from '../common/revisions.ts';
import { field, numberField } from '../wire/protobuf-writer.ts';
import { streamIdentifier } from './event-frames.ts';

const EMPTY = Buffer.alloc(0);

/** An `AppendResp`; `BatchAppendResp` has the same success message in another field. */
export function appendSuccess(revision: bigint, position: Position | undefined): Buffer {
  return field(1, success(revision, position));
}

function success(revision: bigint, position: Position | undefined): Buffer {
  return Buffer.concat([
    revision === NO_STREAM ? field(2) : numberField(1, revision),
    position === undefined
      ? field(4)
      : field(3, numberField(1, position.commit), numberField(2, position.prepare)),
  ]);
}

/** An `AppendResp` with a wrong expected version, in the current fields and in those of version 20.6. */
export function appendConflict(expected: bigint, actual: bigint): Buffer {
  return field(
    2,
    actual === NO_STREAM ? field(2) : numberField(1, actual),
    actual === NO_STREAM ? field(7) : numberField(6, actual),
    // Version 20.6 had no field for the expectation that the stream does not exist.
    expectation(expected, { revision: 3, any: 4, exists: 5, noStream: undefined }),
    expectation(expected, { revision: 8, any: 9, exists: 10, noStream: 11 }),
  );
}

type ExpectationFields = {
  readonly revision: number;
  readonly any: number;
  readonly exists: number;
  readonly noStream: number | undefined;
};

function expectation(expected: bigint, fields: ExpectationFields): Buffer {
  switch (expected) {
    case ANY_REVISION:
      return field(fields.any);
    case STREAM_EXISTS:
      return field(fields.exists);
    case NO_STREAM:
      return fields.noStream === undefined ? EMPTY : field(fields.noStream);
    default:
      return numberField(fields.revision, expected);
  }
}

/** Correlation id and stream of the append that an answer belongs to. */
export type BatchAddress = { readonly correlationBytes: Buffer; readonly stream: string };

/** A `BatchAppendResp` for a written append. */
export function batchSuccess(
  { correlationBytes, stream }: BatchAddress,
  revision: bigint,
  position: Position | undefined,
): Buffer {
  return Buffer.concat([
    field(1, correlationBytes),
    field(3, success(revision, position)),
    streamIdentifier(4, stream),
  ]);
}

/** The failure of an append of a batch. */
export type BatchError = {
  readonly code: status;
  readonly message: string;
  /** The name in `event_store.client` of the message that tells clients the kind of failure. */
  readonly type: string;
  readonly details: Buffer;
};

/** A `BatchAppendResp` for a failed append. Clients need the stream in it. */
export function batchFailure(
  { correlationBytes, stream }: BatchAddress,
  error: BatchError,
): Buffer {
  const any = field(
    3,
    field(1, `type.googleapis.com/event_store.client.${error.type}`),
    field(2, error.details),
  );
  return Buffer.concat([
    field(1, correlationBytes),
    field(2, numberField(1, error.code), field(2, error.message), any),
    streamIdentifier(4, stream),
  ]);
}

export function conflictError(expected: bigint, actual: bigint): BatchError {
  return {
    code: status.ALREADY_EXISTS,
    message: 'WrongExpectedVersion',
    type: 'WrongExpectedVersion',
    details: Buffer.concat([
      actual === NO_STREAM ? field(2) : numberField(1, actual),
      expectation(expected, { revision: 3, any: 4, exists: 5, noStream: 6 }),
    ]),
  };
}

export function timeoutError(): BatchError {
  return { code: status.DEADLINE_EXCEEDED, message: 'Timeout', type: 'Timeout', details: EMPTY };
}

export function streamDeletedError(stream: string): BatchError {
  return {
    code: status.NOT_FOUND,
    message: `Event stream '${stream}' is deleted.`,
    type: 'StreamDeleted',
    details: streamIdentifier(1, stream),
  };
}

export function tooLargeError(maxAppendBytes: number): BatchError {
  return {
    code: status.INVALID_ARGUMENT,
    message: 'Maximum Append Size Exceeded',
    type: 'MaximumAppendSizeExceeded',
    details: numberField(1, maxAppendBytes),
  };
}

/** A failure whose message clients show. */
export function badRequestError(
  message: string,
  code: status = status.INVALID_ARGUMENT,
): BatchError {
  return { code, message, type: 'BadRequest', details: field(1, message) };
}

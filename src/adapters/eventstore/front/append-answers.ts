// Encodes the answers to appends. `BatchAppend` answers every failure with a status inside a response.
import { status } from '@grpc/grpc-js';
import type { Position } from '../../../domain/core/positions.ts';
import { MAX_APPEND_BYTES } from '../common/append-request.ts';
import { ANY_REVISION, NO_STREAM, STREAM_EXISTS } from '../common/revisions.ts';
import { field, numberField } from '../wire/protobuf-writer.ts';
import { streamIdentifier } from './event-frames.ts';
import { NOT_READY } from './refusal.ts';

const EMPTY = Buffer.alloc(0);

/** An `AppendResp`; `BatchAppendResp` has the same success message in another field. */
export function appendSuccess(revision: bigint, position: Position | undefined): Buffer {
  return field(1, success(revision, position));
}

function success(revision: bigint, position: Position | undefined): Buffer {
  const at =
    position === undefined
      ? field(4)
      : field(3, numberField(1, position.commit), numberField(2, position.prepare));
  return Buffer.concat([lastRevision(revision, 1, 2), at]);
}

function lastRevision(revision: bigint, number: number, noStream: number): Buffer {
  return revision === NO_STREAM ? field(noStream) : numberField(number, revision);
}

/** An `AppendResp` with a wrong expected version, in the current fields and in those of version 20.6. */
export function appendConflict(expected: bigint, actual: bigint): Buffer {
  return field(
    2,
    lastRevision(actual, 1, 2),
    lastRevision(actual, 6, 7),
    // Version 20.6 had no field for the expectation that the stream does not exist; servers send a revision.
    expected === NO_STREAM ? numberField(3, expected) : expectation(expected, [3, 4, 5]),
    expectation(expected, [8, 9, 10, 11]),
  );
}

type ExpectationFields = readonly [revision: number, any: number, exists: number, none?: number];

function expectation(expected: bigint, [revision, any, exists, none]: ExpectationFields): Buffer {
  if (expected === ANY_REVISION) return field(any);
  if (expected === STREAM_EXISTS) return field(exists);
  if (expected !== NO_STREAM) return numberField(revision, expected);
  return none === undefined ? EMPTY : field(none);
}

/** Correlation id and stream of the append that an answer belongs to. Clients need both in each answer. */
export type BatchAddress = {
  /** Empty when the request had none. */
  readonly correlationBytes: Buffer;
  readonly stream: string;
};

export function batchSuccess(
  to: BatchAddress,
  revision: bigint,
  position: Position | undefined,
): Buffer {
  return batchAnswer(to, field(3, success(revision, position)));
}

function batchAnswer({ correlationBytes, stream }: BatchAddress, result: Buffer): Buffer {
  const id = correlationBytes.length === 0 ? EMPTY : field(1, correlationBytes);
  return Buffer.concat([id, result, streamIdentifier(4, stream)]);
}

export type BatchError = {
  readonly code: status;
  readonly message: string;
  /** The name in `event_store.client` of the message that tells clients the kind of failure. */
  readonly type: string;
  readonly details: Buffer;
};

export function batchFailure(to: BatchAddress, error: BatchError): Buffer {
  const type = `type.googleapis.com/${error.type === EMPTY_TYPE ? '' : 'event_store.client.'}${error.type}`;
  const any = field(3, field(1, type), field(2, error.details));
  return batchAnswer(to, field(2, numberField(1, error.code), field(2, error.message), any));
}

export function conflictError(expected: bigint, actual: bigint): BatchError {
  const details = [lastRevision(actual, 1, 2), expectation(expected, [3, 4, 5, 6])];
  const type = 'WrongExpectedVersion';
  return { code: status.ALREADY_EXISTS, message: type, type, details: Buffer.concat(details) };
}

export const TIMEOUT_ERROR: BatchError = {
  code: status.DEADLINE_EXCEEDED,
  message: 'Timeout',
  type: 'Timeout',
  details: EMPTY,
};

const EMPTY_TYPE = 'google.protobuf.Empty';

/** A server that is not ready says so with the code of success. */
export const NOT_READY_ERROR: BatchError = {
  code: status.OK,
  message: NOT_READY,
  type: EMPTY_TYPE,
  details: EMPTY,
};

export function streamDeletedError(stream: string): BatchError {
  return {
    code: status.NOT_FOUND,
    message: 'StreamDeleted',
    type: 'StreamDeleted',
    details: streamIdentifier(1, stream),
  };
}

export const TOO_LARGE_ERROR: BatchError = {
  code: status.INVALID_ARGUMENT,
  message: 'MaximumAppendSizeExceeded',
  type: 'MaximumAppendSizeExceeded',
  details: numberField(1, MAX_APPEND_BYTES),
};

/** A failure whose message clients show. */
export function badRequestError(
  message: string,
  code: status = status.INVALID_ARGUMENT,
): BatchError {
  return { code, message, type: 'BadRequest', details: field(1, message) };
}

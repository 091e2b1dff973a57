// What the client's errors mean for a reader.
import { AccessDeniedError, InvalidArgumentError, StreamDeletedError } from '@eventstore/db-client';
import { convertToCommandError } from '@eventstore/db-client/dist/utils/CommandError.js';
import { status } from '@grpc/grpc-js';
import { TocsinError } from '../../../domain/core/errors.ts';

/** A stream whose tombstone forbids ever using it again. */
export function isStreamDeleted(error: unknown): boolean {
  return asCommandError(error) instanceof StreamDeletedError;
}

/** The client's error for what a call threw, where it has one. */
export function asCommandError(error: unknown): unknown {
  return error instanceof Error ? convertToCommandError(error) : error;
}

/** The error that a reader gets: `usage` for what trying again does not mend, else `unavailable`. */
export function readError(cause: unknown): TocsinError {
  if (cause instanceof TocsinError) return cause;
  const error = asCommandError(cause);
  if (error instanceof AccessDeniedError) {
    return new TocsinError('usage', 'store_access_denied', 'the event store denies this read', {
      hint: 'Reading the whole log takes an admin, or an ACL on $all; credentials are sent over TLS only.',
      cause,
    });
  }
  if (error instanceof InvalidArgumentError || codeOf(error) === status.INVALID_ARGUMENT) {
    const message = `the event store does not take this read: ${messageOf(error)}`;
    return new TocsinError('usage', 'store_read_invalid', message, {
      hint: 'A position of another log is not a place in this one; check which store is configured.',
      cause,
    });
  }
  const message = `the event store cannot be read: ${messageOf(error)}`;
  return new TocsinError('unavailable', 'store_unavailable', message, {
    hint: 'Check that the server runs, and its address; the connection is dialled anew at each try.',
    cause,
  });
}

/** A gRPC status code, where the error has one. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

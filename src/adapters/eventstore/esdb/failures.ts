// What an error of a call means. The server names the kind of an error in the trailer `exception`.
import { TocsinError } from '../../../domain/core/errors.ts';

/** gRPC status codes, as numbers: the library that names them is loaded with the first connection only. */
const INVALID_ARGUMENT = 3;
const UNAUTHENTICATED = 16;

/** A stream whose tombstone forbids ever using it again. */
export function isStreamDeleted(error: unknown): boolean {
  return exceptionOf(error) === 'stream-deleted';
}

/** The credentials are wrong, or do not allow the call. */
export function isAccessDenied(error: unknown): boolean {
  return exceptionOf(error) === 'access-denied' || codeOf(error) === UNAUTHENTICATED;
}

/** The read began at a place where the log has no record: 23.10 says `Error`, 24.6 `InvalidPosition`. */
export function isInvalidPosition(error: unknown): boolean {
  return /Unexpected ReadAllResult|invalid position/.test(messageOf(error));
}

/** The error that a reader gets: `usage` where trying again does not help, else `unavailable`. */
export function readError(cause: unknown): TocsinError {
  if (cause instanceof TocsinError) return cause;
  if (isAccessDenied(cause)) {
    return new TocsinError('usage', 'store_access_denied', 'the event store denies this read', {
      hint: 'Reading the whole log takes an admin, or an ACL on $all; credentials are sent over TLS only.',
      cause,
    });
  }
  if (codeOf(cause) === INVALID_ARGUMENT) {
    const message = `the event store refuses this read as invalid: ${messageOf(cause)}`;
    return new TocsinError('usage', 'store_read_invalid', message, {
      hint: 'A position of another log does not exist in this one; check which store is configured.',
      cause,
    });
  }
  const message = `the event store cannot be read: ${messageOf(cause)}`;
  return new TocsinError('unavailable', 'store_unavailable', message, {
    hint: 'Check that the server runs, and its address; each attempt opens a new connection.',
    cause,
  });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function exceptionOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('metadata' in error)) return undefined;
  const { metadata } = error;
  if (typeof metadata !== 'object' || metadata === null || !('get' in metadata)) return undefined;
  const get: unknown = metadata.get;
  if (typeof get !== 'function') return undefined;
  const found: unknown = Reflect.apply(get, metadata, ['exception']);
  return Array.isArray(found) && found.length > 0 ? String(found[0]) : undefined;
}

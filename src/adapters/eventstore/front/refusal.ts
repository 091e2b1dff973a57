// Errors as clients expect them: a gRPC status and the trailer `exception` with its fields, which clients do not check.
import { Metadata, status } from '@grpc/grpc-js';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import { MAX_APPEND_BYTES } from '../common/append-request.ts';
import type { Like } from './server-version.ts';

/** The error of a call, for `emit('error', …)` or a callback. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
  /** True when a name in it is not ASCII, and percent-encoded. */
  readonly isEncoded: boolean;

  constructor(code: status, details: string, trailers: Readonly<Record<string, string>> = {}) {
    const text = headerText(details);
    super(text);
    this.code = code;
    this.details = text;
    this.isEncoded = text !== details;
    this.metadata = new Metadata();
    for (const [key, value] of Object.entries(trailers)) this.metadata.set(key, headerText(value));
  }
}

/** Headers hold visible ASCII only, so every other byte is percent-encoded. */
export function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]+/gu, (part) =>
    Array.from(Buffer.from(part), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

/** The refusal as the imitated server sends it: a server fails to send names that are not ASCII. */
export function asSent(refusal: Refusal, like: Like): Refusal {
  return like !== undefined && refusal.isEncoded
    ? new Refusal(status.UNKNOWN, 'Received HTTP status code 500')
    : refusal;
}

export function invalidArgument(details: string): Refusal {
  return new Refusal(status.INVALID_ARGUMENT, details);
}

/** What servers say about a request that they did not expect. */
export const UNHANDLED = 'Exception was thrown by handler.';

/** What a server does about some requests: it never answers, ends the call without an error, or confirms them first. */
export type NoAnswer = 'silence' | 'nothing' | 'confirmation' | 'failure behind a confirmation';

/** For a request that makes no sense: the reason, or what the imitated server says. */
export function senseless(like: Like, reason: string): Refusal {
  return like === undefined ? invalidArgument(reason) : new Refusal(status.UNKNOWN, UNHANDLED);
}

export function tooLarge(): Refusal {
  const details = `Maximum Append Size of ${MAX_APPEND_BYTES} Exceeded.`;
  return new Refusal(status.INVALID_ARGUMENT, details, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(MAX_APPEND_BYTES),
  });
}

export function missingMetadata(property: string): Refusal {
  const details = `Required Metadata Property '${property}' is missing`;
  return new Refusal(status.INVALID_ARGUMENT, details, {
    exception: 'missing-required-metadata-property',
    'required-metadata-properties': 'type,content-type',
  });
}

/** What servers say about options without an expected revision. */
export function noneOf(of: string): { readonly ours: string; readonly status: Refusal } {
  const which = of === 'BatchAppendReq' ? 'Position' : 'Revision';
  const name = `EventStore.Client.Streams.${of}+Types+Options+ExpectedStream${which}OneofCase`;
  const ours = `'None' is not a valid ${name}`;
  return { ours, status: invalidArgument(ours) };
}

/** For reads of and appends to a stream with a tombstone. */
export function streamDeleted(stream: string): Refusal {
  return new Refusal(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  });
}

/** For `Delete` and `Tombstone`, which answer a conflict with a status. Numbers below 0 are those of `revisions.ts`. */
export function wrongExpectedVersion(stream: string, expected: bigint, actual: bigint): Refusal {
  const versions = `Expected version: ${expected}, Actual version: ${actual}`;
  const details = `Delete failed due to WrongExpectedVersion. Stream: ${stream}, ${versions}`;
  return new Refusal(status.FAILED_PRECONDITION, details, {
    exception: 'wrong-expected-version',
    'stream-name': stream,
    'expected-version': String(expected),
    'actual-version': String(actual),
  });
}

/** Makes clients connect again. */
export function shuttingDown(like: Like): Refusal {
  return like === undefined
    ? new Refusal(status.UNAVAILABLE, 'Server Is Shutting Down')
    : notReady();
}

/** What a server says while it starts or stops, and while it has no leader. */
export function notReady(): Refusal {
  return new Refusal(status.UNAVAILABLE, NOT_READY);
}

export const NOT_READY = 'Server Is Not Ready';

/** The error of an append that was refused or has an unknown outcome. */
export function failedWrite(
  stream: string,
  failed: Extract<AppendResult, { outcome: 'refused' | 'unknown' }>,
): Refusal {
  if (failed.outcome === 'unknown') {
    return new Refusal(status.ABORTED, `Operation timed out: ${failed.message}`);
  }
  if (failed.reason === 'stream_deleted') return streamDeleted(stream);
  if (failed.reason !== 'storage_full') return invalidArgument(failed.message);
  return new Refusal(status.RESOURCE_EXHAUSTED, failed.message);
}

/** The error of a call whose handler threw. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (!(error instanceof TocsinError) || error.kind === 'internal') {
    const details = error instanceof TocsinError ? error.message : 'an internal error';
    return new Refusal(status.INTERNAL, details);
  }
  return new Refusal(
    error.kind === 'refused' ? status.DATA_LOSS : status.UNAVAILABLE,
    error.message,
  );
}

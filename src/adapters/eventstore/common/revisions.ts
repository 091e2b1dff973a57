// The rules for expected revisions and repeated appends, the same as in EventStoreDB, without storage.
import type { AppendResult, ExpectedRevision } from '../../../domain/ports/event-store.ts';
import { START_POSITION } from '../../../domain/core/positions.ts';
import type { Position } from '../../../domain/core/positions.ts';

/** The last revision of a stream that does not exist. */
export const NO_STREAM = -1n;

/** Expected by a writer that accepts any revision; only the front's clients can send this and the next. */
export const ANY_REVISION = -2n;

/** Expected by a writer that requires only that the stream exists. */
export const STREAM_EXISTS = -4n;

/** The revision of a tombstone, the last event of its stream. On the wire it is 2^63 - 1, which no number holds. */
export const TOMBSTONE_REVISION = BigInt(Number.MAX_SAFE_INTEGER);
export const TOMBSTONE_ON_WIRE = 2n ** 63n - 1n;

export const TOMBSTONE_TYPE = '$streamDeleted';

export type StoredId = { readonly id: string; readonly position: bigint };

type Answer = Extract<AppendResult, { outcome: 'appended' | 'conflict' }>;

/**
 * The answer to an append that needs no write; `undefined` means write it. Events that are already stored directly
 * after the expected revision are a repeat: it gets the first answer again.
 *
 * @param storedFrom the events stored from a revision on, in order, at most `count`
 */
export function decideAppend(
  last: bigint,
  expected: bigint,
  ids: readonly string[],
  storedFrom: (revision: bigint, count: number) => readonly StoredId[],
): Answer | undefined {
  if (expected === last) {
    // An append without events writes nothing, so it has no position.
    if (ids.length === 0) return { outcome: 'appended', revision: last, position: START_POSITION };
    return undefined;
  }
  const conflict: Answer = { outcome: 'conflict', actual: actualRevision(last) };
  const end = expected + BigInt(ids.length);
  if (ids.length === 0 || end > last) return conflict;
  const stored = storedFrom(expected + 1n, ids.length);
  const repeat = stored.at(-1);
  const repeated = stored.length === ids.length && stored.every(({ id }, i) => id === ids[i]);
  return repeated && repeat !== undefined
    ? { outcome: 'appended', revision: end, position: positionOf(repeat.position) }
    : conflict;
}

export type KnownEvent = {
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
};

/**
 * {@link decideAppend} without an exact revision: recently committed ids, which `find` remembers, make a repeat.
 *
 * @param exists whether the stream or its metadata stream has events
 */
export function decideLooseAppend(
  stream: string,
  last: bigint,
  exists: boolean,
  expected: bigint,
  ids: readonly string[],
  find: (id: string) => KnownEvent | undefined,
): Answer | undefined {
  const conflict: Answer = { outcome: 'conflict', actual: actualRevision(last) };
  if (expected === STREAM_EXISTS && !exists) return conflict;
  if (ids.length === 0) return { outcome: 'appended', revision: last, position: START_POSITION };
  const found = ids.map(find);
  if (found[0]?.stream !== stream) return undefined;
  const end = found.at(-1);
  return end !== undefined && found.every((event) => event?.stream === stream)
    ? { outcome: 'appended', revision: end.revision, position: positionOf(end.position) }
    : conflict;
}

/** A last revision as the port's type. */
export function actualRevision(last: bigint): ExpectedRevision {
  return last === NO_STREAM ? 'no_stream' : last;
}

/** The reverse of {@link actualRevision}. */
export function revisionNumber(expected: ExpectedRevision): bigint {
  return expected === 'no_stream' ? NO_STREAM : expected;
}

/** These stores have one number per position, used for both parts. */
export function positionOf(position: bigint): Position {
  return { commit: position, prepare: position };
}

// The rule of exact revisions and repeated appends, as EventStoreDB has it, apart from any storage.
import type { AppendResult, ExpectedRevision } from '../../../domain/ports/event-store.ts';
import { START_POSITION } from '../../../domain/core/positions.ts';
import type { Position } from '../../../domain/core/positions.ts';

/** The last revision of a stream that does not exist. */
export const NO_STREAM = -1n;

/** Expected by a writer that takes the stream as it is; only servers know this and the next one. */
export const ANY_REVISION = -2n;

/** Expected by a writer that only wants the stream to be there. */
export const STREAM_EXISTS = -4n;

/**
 * The revision of the event that ends a stream for ever, and so the stream's last one. On the wire it is
 * 2^63 - 1, which a number of JavaScript's does not hold.
 */
export const TOMBSTONE_REVISION = BigInt(Number.MAX_SAFE_INTEGER);
export const TOMBSTONE_ON_WIRE = 2n ** 63n - 1n;

/** The type of that event. */
export const TOMBSTONE_TYPE = '$streamDeleted';

/** What is stored at a revision. */
export type StoredId = { readonly id: string; readonly position: bigint };

type Answer = Extract<AppendResult, { outcome: 'appended' | 'conflict' }>;

/**
 * Decides about an append before anything is written: `undefined` means write it.
 *
 * Events that are already stored right after the expected revision are a repeat, and get the first
 * answer again, however much came after them. The same ids at the stream's end are not looked for.
 *
 * @param last the stream's last revision, {@link NO_STREAM} without one
 * @param storedFrom the events stored from a revision on, in order, at most as many as asked for
 */
export function decideAppend(
  last: bigint,
  expected: bigint,
  ids: readonly string[],
  storedFrom: (revision: bigint, count: number) => readonly StoredId[],
): Answer | undefined {
  if (expected === last) {
    // Nothing is written, so there is no position to give.
    if (ids.length === 0) return { outcome: 'appended', revision: last, position: START_POSITION };
    return undefined;
  }
  const conflict: Answer = { outcome: 'conflict', actual: actualRevision(last) };
  const end = expected + BigInt(ids.length);
  if (ids.length === 0 || end > last) return conflict;
  const stored = storedFrom(expected + 1n, ids.length);
  const tail = stored.at(-1);
  const repeated = stored.length === ids.length && stored.every(({ id }, i) => id === ids[i]);
  return repeated && tail !== undefined
    ? { outcome: 'appended', revision: end, position: positionOf(tail.position) }
    : conflict;
}

/** Where an event with a known id lies. */
export type KnownPlace = {
  readonly stream: string;
  readonly revision: bigint;
  readonly position: bigint;
};

/**
 * {@link decideAppend} for {@link ANY_REVISION} and {@link STREAM_EXISTS}. Without a revision to compare at,
 * a repeat is found by the ids that were committed lately: as far back as `placeOf` remembers.
 *
 * @param exists whether there is anything of the stream, its metadata included
 */
export function decideLooseAppend(
  stream: string,
  last: bigint,
  exists: boolean,
  expected: bigint,
  ids: readonly string[],
  placeOf: (id: string) => KnownPlace | undefined,
): Answer | undefined {
  const conflict: Answer = { outcome: 'conflict', actual: actualRevision(last) };
  if (expected === STREAM_EXISTS && !exists) return conflict;
  if (ids.length === 0) return { outcome: 'appended', revision: last, position: START_POSITION };
  const places = ids.map(placeOf);
  if (places[0]?.stream !== stream) return undefined;
  const tail = places.at(-1);
  return tail !== undefined && places.every((place) => place?.stream === stream)
    ? { outcome: 'appended', revision: tail.revision, position: positionOf(tail.position) }
    : conflict;
}

/** A last revision in the port's words. */
export function actualRevision(last: bigint): ExpectedRevision {
  return last === NO_STREAM ? 'no_stream' : last;
}

/** Our stores know one number per place: what is committed was prepared there. */
export function positionOf(place: bigint): Position {
  return { commit: place, prepare: place };
}

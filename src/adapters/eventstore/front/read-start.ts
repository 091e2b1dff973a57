// Where a reader wants to begin.
import { status } from '@grpc/grpc-js';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import { Refusal, senseless, type NoAnswer } from './refusal.ts';
import type { Like } from './server-version.ts';

/** A place in the log. Every event has the same number in both parts; checkpoints of servers may have two. */
export type Place = { readonly commit: bigint; readonly prepare: bigint };

/** The largest revision and position; the largest number of the wire means the end. */
const MAX = 2n ** 63n - 1n;
const END_ON_WIRE = 2n ** 64n - 1n;

export function revisionIn(
  requested: ReadReq.Options.StreamOptions | undefined,
  subscribes: boolean,
  like: Like,
): 'start' | 'end' | bigint | Refusal | NoAnswer {
  if (requested?.hasStart() === true) return 'start';
  if (requested?.hasEnd() === true) return 'end';
  if (requested?.hasRevision() !== true) return missing(like);
  const revision = BigInt(requested.getRevision());
  if (revision === END_ON_WIRE) return 'end';
  const largest = subscribes && like === '23.10' ? MAX - 1n : MAX;
  return revision > largest ? senseless(like, `${revision} is not a revision`) : revision;
}

export function placeIn(
  requested: ReadReq.Options.AllOptions | undefined,
  like: Like,
): 'start' | 'end' | Place | Refusal | NoAnswer {
  if (requested?.hasStart() === true) return 'start';
  if (requested?.hasEnd() === true) return 'end';
  const position = requested?.getPosition();
  if (position === undefined) return missing(like);
  const commit = BigInt(position.getCommitPosition());
  const prepare = BigInt(position.getPreparePosition());
  if (commit === END_ON_WIRE && prepare === END_ON_WIRE) return 'end';
  if (commit === END_ON_WIRE && prepare <= MAX && like !== undefined) return invalidPlace(like);
  return commit > MAX || prepare > commit
    ? senseless(like, `${commit}/${prepare} is not a position`)
    : { commit, prepare };
}

/** What a read of the log says when there is no record at its place. */
export function invalidPlace(like: Like): Refusal {
  const result = like === '23.10' ? 'Error' : 'InvalidPosition';
  return new Refusal(status.UNKNOWN, `Unexpected ReadAllResult: ${result}`);
}

/** EventStoreDB 24.6 ends such a read at once, and without an error. */
function missing(like: Like): Refusal | NoAnswer {
  return like === '24.6' ? 'nothing' : senseless(like, 'a read needs a start');
}

/** The other results of {@link revisionIn} and {@link placeIn}. */
export function isNoStart(from: unknown): from is Refusal | NoAnswer {
  return (
    from instanceof Refusal || (typeof from === 'string' && from !== 'start' && from !== 'end')
  );
}

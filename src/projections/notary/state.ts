// The notary's state as a port. What is needed to go on is the place: at most one hash for each bit of the size. The
// chunks, of 1,024 leaves each, serve proofs and let a reader name the leaf that differs.
import type { Position } from '../../domain/core/positions.ts';
import type { EventRef } from '../read-model.ts';
import type { TreeHead } from './head.ts';
import { subtreeRoots, type Hash, type SubtreeRoot } from './merkle.ts';

/** Leaves of a chunk; a power of two, so that a whole chunk is a subtree. */
export const CHUNK = 1024;

/** The leaves that the notary has read. */
export type NotaryPlace = {
  readonly size: number;
  /** The hashes of a `Frontier` of that size. */
  readonly peaks: readonly Hash[];
  /** Of the last leaf. */
  readonly position: Position;
  readonly lastEvent: EventRef;
};

/** The leaves from `number * 1024` on. */
export type Chunk = {
  readonly number: number;
  /** The position of the leaf before it; `null` at the beginning of the log. */
  readonly after: Position | null;
  /** `null` until it has all its leaves. */
  readonly root: Hash | null;
  readonly leaves: readonly Hash[];
};

export type NumberedHead = { readonly number: number; readonly head: TreeHead };

/** What a notary has noted, for reading. */
export interface NotaryRecord {
  /** The id of the log, and the place; `undefined` before the first leaf. */
  read(): { readonly storeId: string; readonly place: NotaryPlace } | undefined;
  chunk(number: number): Chunk | undefined;
  /** The roots of the whole chunks, in order. */
  roots(): readonly Hash[];
  lastHead(): NumberedHead | undefined;
  /** Heads after a number, in order. */
  headsAfter(number: number, limit: number): readonly NumberedHead[];
  /** The number of the last head that each receiver has taken. */
  taken(): ReadonlyMap<string, number>;
}

/** One owner. Each method is one transaction, durable when it returns. */
export interface NotaryState extends NotaryRecord, Disposable {
  commit(storeId: string, place: NotaryPlace, chunks: readonly Chunk[]): void;
  addHead(head: TreeHead): void;
  /** The number of the last head that this output has taken; 0 for none. */
  given(output: string): number;
  gave(output: string, number: number): void;
}

/** Subtree roots of a record's leaves, up to its size. */
export function recordedRoots(record: Pick<NotaryRecord, 'roots' | 'chunk'>): SubtreeRoot {
  const roots = record.roots();
  let last: Chunk | undefined;
  const leaf = (n: number): Hash => {
    const number = Math.floor(n / CHUNK);
    if (last?.number !== number) last = record.chunk(number);
    const found = last?.leaves[n % CHUNK];
    if (found === undefined) throw new RangeError(`there is no leaf ${n}`);
    return found;
  };
  return subtreeRoots(leaf, (start, end) =>
    end - start === CHUNK && start % CHUNK === 0 ? roots[start / CHUNK] : undefined,
  );
}

// A Merkle tree that only grows: the roots of its whole subtrees, largest first. They are all that is needed to add
// leaves and to compute the root: at most one hash for each bit of the size.
import { EMPTY_ROOT, HASH_BYTES, nodeHash, type Hash } from './merkle.ts';

export class Frontier {
  #size: number;
  readonly #peaks: Hash[];

  /** @throws RangeError when the number of peaks does not fit the size */
  constructor(size = 0, peaks: readonly Hash[] = []) {
    if (!Number.isSafeInteger(size) || peaks.length !== ones(size)) {
      throw new RangeError(`${peaks.length} hashes do not make a tree of ${size} leaves`);
    }
    this.#size = size;
    this.#peaks = [...peaks];
  }

  get size(): number {
    return this.#size;
  }

  get peaks(): readonly Hash[] {
    return this.#peaks;
  }

  /** Adds the hash of the next leaf. */
  add(leaf: Hash): void {
    let root = leaf;
    // Each bit that carries over is a subtree that becomes the left half of a larger one.
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = this.#peaks.pop();
      if (left !== undefined) root = nodeHash(left, root);
    }
    this.#peaks.push(root);
    this.#size += 1;
  }

  root(): Hash {
    const [last, ...before] = this.#peaks.toReversed();
    if (last === undefined) return EMPTY_ROOT;
    return before.reduce((right, left) => nodeHash(left, right), last);
  }
}

/** Hashes in one byte string. */
export function joinHashes(hashes: readonly Hash[]): Uint8Array {
  return Buffer.concat(hashes);
}

export function splitHashes(bytes: Uint8Array): Hash[] {
  const hashes: Hash[] = [];
  for (let at = 0; at < bytes.length; at += HASH_BYTES) {
    hashes.push(bytes.subarray(at, at + HASH_BYTES));
  }
  return hashes;
}

function ones(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

// The Merkle tree of RFC 9162 (2.1): hashes of leaves and nodes, inclusion and consistency proofs, and their
// verification. Pure; it knows nothing of events. A test holds it against the published vectors.
import { hash } from 'node:crypto';

/** SHA-256, 32 bytes. */
export type Hash = Uint8Array;

/** The root of a tree without leaves. */
export const EMPTY_ROOT: Hash = hash('sha256', '', 'buffer');

export const HASH_BYTES = 32;

export function leafHash(entry: string): Hash {
  return hash('sha256', `\0${entry}`, 'buffer');
}

const node = Buffer.alloc(1 + 2 * HASH_BYTES);
node[0] = 1;

export function nodeHash(left: Hash, right: Hash): Hash {
  node.set(left, 1);
  node.set(right, 1 + HASH_BYTES);
  return hash('sha256', node, 'buffer');
}

/** The largest power of two below `size`; `size` is at least 2. */
export function splitOf(size: number): number {
  let power = 1;
  // Not by shifts, which end at 32 bits.
  while (power * 2 < size) power *= 2;
  return power;
}

/** The root of the leaves from `start` to before `end`, which are a whole subtree or the end of the tree. */
export type SubtreeRoot = (start: number, end: number) => Hash;

/** Subtree roots by the leaves' hashes, or by the roots of larger subtrees where `known` gives them. */
export function subtreeRoots(
  leaf: (n: number) => Hash,
  known: (start: number, end: number) => Hash | undefined = () => undefined,
): SubtreeRoot {
  const rootOf = (start: number, end: number): Hash => {
    const found = known(start, end);
    if (found !== undefined) return found;
    if (end - start === 0) return EMPTY_ROOT;
    if (end - start === 1) return leaf(start);
    const middle = start + splitOf(end - start);
    return nodeHash(rootOf(start, middle), rootOf(middle, end));
  };
  return rootOf;
}

/** PATH of RFC 9162 2.1.3.1: the hashes that lead from leaf `index` to the root of `size` leaves. */
export function inclusionPath(index: number, size: number, rootOf: SubtreeRoot): Hash[] {
  const path = (start: number, end: number): Hash[] => {
    if (end - start <= 1) return [];
    const middle = start + splitOf(end - start);
    return index < middle
      ? [...path(start, middle), rootOf(middle, end)]
      : [...path(middle, end), rootOf(start, middle)];
  };
  return path(0, size);
}

/** PROOF of RFC 9162 2.1.4.1: the hashes that show that the tree of `first` leaves begins the tree of `second` leaves. */
export function consistencyPath(first: number, second: number, rootOf: SubtreeRoot): Hash[] {
  const proof = (start: number, end: number, isWhole: boolean): Hash[] => {
    if (first === end) return isWhole ? [] : [rootOf(start, end)];
    const middle = start + splitOf(end - start);
    return first <= middle
      ? [...proof(start, middle, isWhole), rootOf(middle, end)]
      : [...proof(middle, end, false), rootOf(start, middle)];
  };
  return first === 0 || first === second ? [] : proof(0, second, true);
}

/** Verifies an inclusion path (RFC 9162 2.1.3.2). */
export function verifyInclusion(leaf: Hash, { index, size, path, root }: InclusionClaim): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  let [fn, sn] = [index, size - 1];
  let found = leaf;
  for (const sibling of path) {
    if (sn === 0 || sibling.length !== HASH_BYTES) return false;
    if (isOdd(fn) || fn === sn) {
      found = nodeHash(sibling, found);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      found = nodeHash(found, sibling);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && areEqual(found, root);
}

export type InclusionClaim = {
  readonly index: number;
  readonly size: number;
  readonly path: readonly Hash[];
  readonly root: Hash;
};

export type Tree = { readonly size: number; readonly root: Hash };

/** Verifies a consistency path (RFC 9162 2.1.4.2). The empty tree begins every tree. */
export function verifyConsistency(first: Tree, second: Tree, path: readonly Hash[]): boolean {
  if (!isCount(first.size) || !isCount(second.size) || first.size > second.size) return false;
  if (first.size === 0) return path.length === 0 && areEqual(first.root, EMPTY_ROOT);
  if (first.size === second.size) return path.length === 0 && areEqual(first.root, second.root);
  const isPower = splitOf(first.size + 1) === first.size;
  const [start, ...rest] = isPower ? [first.root, ...path] : path;
  if (start === undefined) return false;
  let [fn, sn] = [first.size - 1, second.size - 1];
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)];
  let [fr, sr] = [start, start];
  for (const sibling of rest) {
    if (sn === 0 || sibling.length !== HASH_BYTES) return false;
    if (isOdd(fn) || fn === sn) {
      [fr, sr] = [nodeHash(sibling, fr), nodeHash(sibling, sr)];
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      sr = nodeHash(sr, sibling);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && areEqual(fr, first.root) && areEqual(sr, second.root);
}

export function areEqual(a: Hash, b: Hash): boolean {
  return Buffer.compare(a, b) === 0;
}

const isOdd = (n: number): boolean => n % 2 === 1;
const half = (n: number): number => Math.floor(n / 2);

function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

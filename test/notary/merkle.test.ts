// The Merkle tree against published vectors, and against an implementation written from RFC 9162 alone.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Frontier, joinHashes, splitHashes } from '../../src/projections/notary/frontier.ts';
import {
  consistencyPath,
  inclusionPath,
  subtreeRoots,
  verifyConsistency,
  verifyInclusion,
  type Hash,
} from '../../src/projections/notary/merkle.ts';
import { toHash } from '../support/hashes.ts';

/** RFC 9162 2.1, word by word, over whole lists. */
const sha = (...parts: readonly Uint8Array[]): Uint8Array =>
  parts.reduce((sum, part) => sum.update(part), createHash('sha256')).digest();
const k = (n: number): number => 2 ** (Math.ceil(Math.log2(n)) - 1);
const mth = (d: readonly Uint8Array[]): Uint8Array => {
  if (d.length === 0) return sha();
  const [first] = d;
  if (d.length === 1 && first !== undefined) return sha(Uint8Array.of(0), first);
  const at = k(d.length);
  return sha(Uint8Array.of(1), mth(d.slice(0, at)), mth(d.slice(at)));
};
const path = (m: number, d: readonly Uint8Array[]): Uint8Array[] => {
  if (d.length <= 1) return [];
  const at = k(d.length);
  return m < at
    ? [...path(m, d.slice(0, at)), mth(d.slice(at))]
    : [...path(m - at, d.slice(at)), mth(d.slice(0, at))];
};
const subproof = (m: number, d: readonly Uint8Array[], b: boolean): Uint8Array[] => {
  if (m === d.length) return b ? [] : [mth(d)];
  const at = k(d.length);
  return m <= at
    ? [...subproof(m, d.slice(0, at), b), mth(d.slice(at))]
    : [...subproof(m - at, d.slice(at), false), mth(d.slice(0, at))];
};

const hex = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');
const leafOf = (entry: Uint8Array): Hash => sha(Uint8Array.of(0), entry);

/** The entries of the reference tree of Certificate Transparency, and its roots by size. */
const ENTRIES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((text) => Buffer.from(text, 'hex'));
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const subtreesOf = (entries: readonly Uint8Array[]) =>
  subtreeRoots((n) => leafOf(entries[n] ?? expect.fail(`no leaf ${n}`)));

function frontierOf(entries: readonly Uint8Array[]): Frontier {
  const frontier = new Frontier();
  for (const entry of entries) frontier.add(leafOf(entry));
  return frontier;
}

describe('the published vectors of Certificate Transparency', () => {
  it.each(ROOTS.map((root, size) => ({ size, root })))(
    'give the root of $size leaves',
    ({ size, root }) => {
      const entries = ENTRIES.slice(0, size);
      expect(hex(frontierOf(entries).root())).toBe(root);
      expect(hex(subtreesOf(entries)(0, size))).toBe(root);
      expect(hex(mth(entries))).toBe(root);
    },
  );

  it.each([
    [0, 1, []],
    [
      0,
      8,
      [
        '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
      ],
    ],
    [
      5,
      8,
      [
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
        'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      ],
    ],
  ])('give the inclusion path of leaf %i of %i', (index, size, expected) => {
    const found = inclusionPath(index, size, subtreesOf(ENTRIES));
    expect(found.map(hex)).toEqual(expected);
  });

  it.each([
    [1, 1, []],
    [
      2,
      5,
      [
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      ],
    ],
    [
      6,
      8,
      [
        '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
        'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      ],
    ],
  ])('give the consistency path from %i to %i leaves', (first, second, expected) => {
    const found = consistencyPath(first, second, subtreesOf(ENTRIES));
    expect(found.map(hex)).toEqual(expected);
  });
});

const entriesUpTo = (max: number) =>
  fc.array(fc.uint8Array({ maxLength: 4 }), { minLength: 1, maxLength: max });

describe('an implementation written from the RFC', () => {
  it('agrees on roots, inclusion paths and consistency paths, and each path verifies', () => {
    fc.assert(
      fc.property(entriesUpTo(70), fc.nat(), fc.nat(), (entries, a, b) => {
        const size = entries.length;
        const [index, first] = [a % size, (b % size) + 1];
        const rootOf = subtreesOf(entries);
        const root = mth(entries);
        expect(hex(frontierOf(entries).root())).toBe(hex(root));
        const inclusion = inclusionPath(index, size, rootOf);
        expect(inclusion.map(hex)).toEqual(path(index, entries).map(hex));
        const claim = { index, size, path: inclusion, root };
        expect(verifyInclusion(leafOf(entries[index] ?? new Uint8Array()), claim)).toBe(true);
        const consistency = consistencyPath(first, size, rootOf);
        expect(consistency.map(hex)).toEqual(subproof(first, entries, true).map(hex));
        const older = { size: first, root: mth(entries.slice(0, first)) };
        expect(verifyConsistency(older, { size, root }, consistency)).toBe(true);
      }),
    );
  });

  it('shows that nothing but the true path, index, size, leaf and root verifies', () => {
    fc.assert(
      fc.property(entriesUpTo(40), fc.nat(), fc.nat(), fc.nat(), (entries, a, b, at) => {
        const size = entries.length;
        const [index, first] = [a % size, (b % size) + 1];
        const rootOf = subtreesOf(entries);
        const root = mth(entries);
        const leaf = leafOf(entries[index] ?? new Uint8Array());
        const inclusion = inclusionPath(index, size, rootOf);
        const claim = { index, size, path: inclusion, root };
        expect(verifyInclusion(toHash('other'), claim)).toBe(false);
        expect(verifyInclusion(leaf, { ...claim, root: toHash('other') })).toBe(false);
        expect(verifyInclusion(leaf, { ...claim, path: [...inclusion, root] })).toBe(false);
        expect(verifyInclusion(leaf, { ...claim, index: size })).toBe(false);
        if (inclusion.length > 0) {
          expect(verifyInclusion(leaf, { ...claim, path: inclusion.slice(1) })).toBe(false);
          const changed = inclusion.with(at % inclusion.length, toHash('other'));
          expect(verifyInclusion(leaf, { ...claim, path: changed })).toBe(false);
        }
        const older = { size: first, root: mth(entries.slice(0, first)) };
        const consistency = consistencyPath(first, size, rootOf);
        const newer = { size, root };
        const other = { size: first, root: toHash('other') };
        expect(verifyConsistency(other, newer, consistency)).toBe(false);
        expect(verifyConsistency(older, newer, [...consistency, root])).toBe(false);
        if (consistency.length > 0) {
          const changed = consistency.with(at % consistency.length, toHash('other'));
          expect(verifyConsistency(older, newer, changed)).toBe(false);
          expect(verifyConsistency(older, newer, consistency.slice(1))).toBe(false);
        }
      }),
    );
  });
});

describe('Frontier', () => {
  it('goes on from its kept hashes as if it had never stopped', () => {
    fc.assert(
      fc.property(entriesUpTo(70), fc.nat(), (entries, at) => {
        const before = frontierOf(entries.slice(0, at % entries.length));
        const again = new Frontier(before.size, splitHashes(joinHashes(before.peaks)));
        for (const entry of entries.slice(before.size)) again.add(leafOf(entry));
        expect(hex(again.root())).toBe(hex(mth(entries)));
      }),
    );
  });

  it('refuses hashes that do not fit its size', () => {
    expect(() => new Frontier(3, [toHash('one')])).toThrow(RangeError);
  });
});

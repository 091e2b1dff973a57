// Reads the leaves of a log once, in order. It keeps the roots of whole chunks, and the leaves of those chunks that
// paths of proofs need.
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import { bytesOf, hexOf, type TreeHead } from '../../notary/head.ts';
import { leafOf } from '../../notary/leaf.ts';
import { areEqual, subtreeRoots, type Hash, type SubtreeRoot } from '../../notary/merkle.ts';
import { CHUNK } from '../../notary/state.ts';
import { rootOf } from '../../notary/tree.ts';
import type { ReadableLog } from '../reading/ports.ts';
import { headOf, kernelEvents, storeIdOf } from '../reading/reading.ts';
import type { Position } from '../../../domain/core/positions.ts';

export type LeafReadOptions = {
  readonly log: ReadableLog;
  readonly kernel: string;
  /** How many leaves to read. */
  readonly size: number;
  /** Sizes at whose ends paths begin. */
  readonly borders?: readonly number[];
  /** True for an event whose path is needed; called in the order of the log. */
  readonly wants?: (event: RecordedEvent) => boolean;
  /** Called with the number of leaves read, once per page. */
  readonly progress?: ((leaves: number, at: Position) => void) | undefined;
};

export type WantedLeaf = { readonly index: number; readonly event: RecordedEvent };

export type LogLeaves = {
  /** Fewer than asked for where the log is shorter. */
  readonly size: number;
  readonly wanted: readonly WantedLeaf[];
  readonly rootOf: SubtreeRoot;
};

export async function readLeaves(options: LeafReadOptions): Promise<LogLeaves> {
  const { log, kernel, size, borders = [], wants = () => false, progress } = options;
  const kept = new Set(borders.map((border) => Math.floor(border / CHUNK)));
  const chunks = new Map<number, Hash[]>();
  const roots: Hash[] = [];
  const wanted: WantedLeaf[] = [];
  let leaves: Hash[] = [];
  let count = 0;
  const endChunk = (): void => {
    const number = Math.floor((count - 1) / CHUNK);
    if (leaves.length === CHUNK) roots.push(rootOf(leaves));
    if (leaves.length < CHUNK || kept.has(number)) chunks.set(number, leaves);
    leaves = [];
  };
  reading: for await (const page of kernelEvents(log, kernel, await headOf(log, kernel))) {
    for (const event of page) {
      if (count === size) break reading;
      if (wants(event)) {
        wanted.push({ index: count, event });
        kept.add(Math.floor(count / CHUNK));
      }
      leaves.push(leafOf(event));
      count += 1;
      if (leaves.length === CHUNK) endChunk();
    }
    const at = page.at(-1)?.position;
    if (at !== undefined) progress?.(count, at);
  }
  if (leaves.length > 0) endChunk();
  const leaf = (n: number): Hash => {
    const found = chunks.get(Math.floor(n / CHUNK))?.[n % CHUNK];
    if (found === undefined) throw new RangeError(`leaf ${n} was not kept`);
    return found;
  };
  const whole = (start: number, end: number): Hash | undefined =>
    end - start === CHUNK && start % CHUNK === 0 ? roots[start / CHUNK] : undefined;
  return { size: count, wanted, rootOf: subtreeRoots(leaf, whole) };
}

/** @throws TocsinError `refused` when the log is not the one that the head is about */
export async function assertFits(
  head: TreeHead,
  { log, kernel }: Pick<LeafReadOptions, 'log' | 'kernel'>,
  leaves: LogLeaves,
): Promise<void> {
  const storeId = await storeIdOf(log, kernel);
  const why =
    storeId !== head.store
      ? `it is of log ${head.store}, and this is log ${storeId}`
      : leaves.size < head.size
        ? `the log has ${leaves.size} leaves`
        : areEqual(leaves.rootOf(0, head.size), bytesOf(head.root))
          ? undefined
          : `the leaves of the log have the root ${hexOf(leaves.rootOf(0, head.size))}`;
  if (why === undefined) return;
  const message = `the head of ${head.size} leaves does not fit the log: ${why}`;
  throw new TocsinError('refused', 'head_inconsistent', message, {
    hint: 'Run `tocsin audit verify --head FILE`: it names the first leaf that differs.',
  });
}

// The notary: reads the whole log of a kernel, adds each event to a Merkle tree, and signs heads of the tree, which it
// gives away. A head is never taken back: every new one is proved to be consistent with the last before it is signed.
import { formatInstant } from '../../domain/core/instants.ts';
import { formatPosition } from '../../domain/core/positions.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { Runtime } from '../../domain/ports/runtime.ts';
import { ArchiveRecords, archivesAfter } from '../archive-records.ts';
import { storeIdOf } from '../audit/reading/reading.ts';
import type { ReadableLog } from '../audit/reading/ports.ts';
import { inPages } from '../dedupe/session.ts';
import { lastSeen } from '../last-seen.ts';
import { bytesOf, hexOf, signedHead, type HeadSigner, type TreeHead } from './head.ts';
import { areEqual, consistencyPath, verifyConsistency, type Hash } from './merkle.ts';
import { inconsistent, logChanged, otherLog } from './refusals.ts';
import { leafOf } from './leaf.ts';
import { CHUNK, recordedRoots, type Chunk, type NotaryState } from './state.ts';
import { GrowingTree } from './tree.ts';

/** Takes heads. It may get one again after a crash. */
export type HeadOutput = {
  /** For the state and for log lines; without secrets. */
  readonly name: string;
  /** @param leaves the hashes of the leaves from a number to before another */
  give(head: TreeHead, leaves: LeavesBetween, signal: AbortSignal): Promise<void>;
  /** The last head that it holds, where it can be read: the notary's own or another's. */
  lastHead?(): Promise<TreeHead | undefined>;
};

export type LeavesBetween = (from: number, to: number) => readonly Hash[];

export type NotaryOptions = {
  readonly log: ReadableLog;
  readonly kernel: string;
  readonly state: NotaryState;
  readonly signer: HeadSigner;
  readonly outputs: readonly HeadOutput[];
  readonly runtime: Pick<Runtime, 'now' | 'elapsed' | 'pause'>;
  readonly logger: Logger;
  /** The share of one thread's time that it may take, above 0 and at most 1. */
  readonly share: number;
};

const HEADS_AT_ONCE = 64;

export class Notary {
  readonly #options: NotaryOptions;
  readonly #archives: ArchiveRecords;
  #tree: GrowingTree;
  #storeId: string | undefined;
  #nextChunk = 0;
  /** The last heads of the outputs before the log was read: it must reach them. */
  #held: readonly TreeHead[] = [];

  constructor(options: NotaryOptions) {
    this.#options = options;
    this.#archives = new ArchiveRecords(options.log, options.kernel);
    this.#tree = new GrowingTree(options.state);
    this.#storeId = options.state.read()?.storeId;
  }

  get size(): number {
    return this.#tree.place?.size ?? 0;
  }

  /**
   * Reads the log to its end.
   * @throws TocsinError `refused` when the log is another one, or no longer holds what was read
   */
  async catchUp(signal: AbortSignal): Promise<void> {
    const held: (TreeHead | undefined)[] = [];
    for (const output of this.#options.outputs) held.push(await output.lastHead?.());
    try {
      await this.#readOn(signal);
    } catch (error) {
      // A page that was added may not be committed.
      this.#tree = new GrowingTree(this.#options.state);
      throw error;
    }
    this.#held = held.filter((head) => head !== undefined);
  }

  async #readOn(signal: AbortSignal): Promise<void> {
    const { log, kernel, state, runtime, share } = this.#options;
    const storeId = await storeIdOf(log, kernel);
    // A log without its first event is not used yet.
    if (storeId === '') {
      if (this.#storeId !== undefined) throw otherLog(this.#storeId, 'a log without an id');
      return;
    }
    if (this.#storeId !== undefined && this.#storeId !== storeId)
      throw otherLog(this.#storeId, `log ${storeId}`);
    this.#storeId = storeId;
    const prefixes = [`${kernel}.`];
    const { place } = this.#tree;
    if (place !== undefined) {
      const { lastEvent: last, position } = place;
      if ((await lastSeen(log, { last, position, prefixes })) === undefined)
        throw logChanged(place.size - 1, `event ${last.revision} of ${last.stream} is not there`);
    }
    const from = place?.position;
    let began = runtime.elapsed();
    for await (const read of log.readAll({ direction: 'forwards', prefixes, from })) {
      for (const page of inPages(read)) {
        const extended = this.#tree.extend(page);
        if (extended !== undefined) state.commit(storeId, extended.place, extended.chunks);
        if (signal.aborted) return;
        const took = runtime.elapsed() - began;
        if (share < 1) await runtime.pause((took * (1 - share)) / share, signal);
        began = runtime.elapsed();
      }
    }
  }

  /** Signs a head of what was read; `undefined` when there is nothing new. */
  sign(): TreeHead | undefined {
    const { state, signer, runtime } = this.#options;
    const { place } = this.#tree;
    const last = state.lastHead()?.head;
    if (place === undefined) return undefined;
    const isNew = place.size !== last?.size;
    if (!isNew && this.#held.length === 0) return undefined;
    const root = this.#tree.root();
    // Also where there is nothing to sign: an output may hold a head of more leaves than the log has.
    this.#assertConsistent(last, place.size, root);
    if (!isNew) return undefined;
    const head = signedHead(
      {
        store: this.#storeId ?? '',
        size: place.size,
        position: formatPosition(place.position),
        root: hexOf(root),
        time: formatInstant(runtime.now()),
      },
      signer,
    );
    state.addHead(head);
    return head;
  }

  /** Gives the outputs the heads that they lack. @returns the names of outputs that could not take one */
  async give(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { state, outputs, logger } = this.#options;
    const failed = new Map<string, string>();
    for (const output of outputs) {
      try {
        for (;;) {
          const heads = state.headsAfter(state.given(output.name), HEADS_AT_ONCE);
          if (heads.length === 0 || signal.aborted) break;
          for (const { number, head } of heads) {
            await output.give(head, this.#leaves, signal);
            state.gave(output.name, number);
          }
        }
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        failed.set(output.name, reason);
        logger.debug({ output: output.name, reason }, 'an output did not take a tree head');
      }
    }
    return failed;
  }

  /**
   * Reads a chunk of the log again that was read before, another each time, to find a change of the log.
   * @throws TocsinError `refused` when a leaf has changed
   */
  async reread(): Promise<void> {
    const chunk = await this.#nextInLog();
    this.#nextChunk = chunk === undefined ? 0 : this.#nextChunk + 1;
    if (chunk !== undefined)
      await this.#compare(chunk.number, chunk.after ?? undefined, chunk.leaves);
  }

  /** The next chunk that no archive has taken events of. */
  async #nextInLog(): Promise<Chunk | undefined> {
    const records = await this.#archives.read();
    for (;;) {
      const chunk = this.#options.state.chunk(this.#nextChunk);
      if (chunk === undefined) return undefined;
      if (archivesAfter(records, chunk.after ?? undefined).length === 0) return chunk;
      this.#nextChunk += 1;
    }
  }

  async #compare(
    number: number,
    from: Parameters<ReadableLog['readAll']>[0]['from'],
    leaves: readonly Hash[],
  ): Promise<void> {
    const { log, kernel } = this.#options;
    const read = { direction: 'forwards', prefixes: [`${kernel}.`], from } as const;
    let at = 0;
    for await (const page of log.readAll({ ...read, maxCount: leaves.length })) {
      for (const event of page) {
        const leaf = leaves[at];
        if (leaf === undefined) return;
        if (!areEqual(leafOf(event), leaf)) {
          const what = `event ${event.revision} of ${event.stream} (${event.type}) is another`;
          throw logChanged(number * CHUNK + at, what);
        }
        at += 1;
      }
    }
    if (at < leaves.length) throw logChanged(number * CHUNK + at, 'the log ends before it');
  }

  readonly #leaves: LeavesBetween = (from, to) => {
    const leaves: Hash[] = [];
    for (let number = Math.floor(from / CHUNK); number * CHUNK < to; number += 1) {
      const chunk = this.#options.state.chunk(number)?.leaves ?? [];
      const start = number * CHUNK;
      leaves.push(...chunk.slice(Math.max(0, from - start), Math.max(0, to - start)));
    }
    return leaves;
  };

  /** Against the last head, and against the last head of each output, which another notary may have given. */
  #assertConsistent(last: TreeHead | undefined, size: number, root: Hash): void {
    const roots = recordedRoots(this.#options.state);
    for (const head of [last, ...this.#held]) {
      if (head === undefined) continue;
      if (head.store !== this.#storeId) throw otherLog(head.store, 'the log of this notary');
      const [older, newer] = [
        { size: head.size, root: bytesOf(head.root) },
        { size, root },
      ];
      if (older.size > newer.size) throw inconsistent(head, `this log has ${size} leaves`);
      const path = consistencyPath(older.size, newer.size, roots);
      if (!verifyConsistency(older, newer, path))
        throw inconsistent(head, `these leaves have the root ${hexOf(roots(0, older.size))}`);
    }
  }
}

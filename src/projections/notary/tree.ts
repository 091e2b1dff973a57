// Adds the leaves of events to a notary's state, a page at a time.
import type { Position } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { Frontier } from './frontier.ts';
import { leafOf } from './leaf.ts';
import type { Hash } from './merkle.ts';
import { CHUNK, type Chunk, type NotaryPlace, type NotaryRecord } from './state.ts';

export type Extended = { readonly place: NotaryPlace; readonly chunks: readonly Chunk[] };

export class GrowingTree {
  readonly #frontier: Frontier;
  #chunk: { number: number; after: Position | null; leaves: Hash[] };
  #place: NotaryPlace | undefined;

  /** Goes on where the record ends. */
  constructor(record: Pick<NotaryRecord, 'read' | 'chunk'>) {
    this.#place = record.read()?.place;
    const { size, peaks } = this.#place ?? { size: 0, peaks: [] };
    this.#frontier = new Frontier(size, peaks);
    const number = Math.floor(size / CHUNK);
    const { after = this.#place?.position ?? null, leaves = [] } = record.chunk(number) ?? {};
    this.#chunk = { number, after, leaves: [...leaves] };
  }

  get place(): NotaryPlace | undefined {
    return this.#place;
  }

  root(): Hash {
    return this.#frontier.root();
  }

  /** Adds the next events; the result must be committed. */
  extend(events: readonly RecordedEvent[]): Extended | undefined {
    const chunks: Chunk[] = [];
    for (const event of events) {
      const leaf = leafOf(event);
      this.#frontier.add(leaf);
      this.#chunk.leaves.push(leaf);
      if (this.#chunk.leaves.length < CHUNK) continue;
      chunks.push({ ...this.#chunk, root: rootOf(this.#chunk.leaves) });
      this.#chunk = { number: this.#chunk.number + 1, after: event.position, leaves: [] };
    }
    const last = events.at(-1);
    if (last === undefined) return undefined;
    if (this.#chunk.leaves.length > 0) {
      chunks.push({ ...this.#chunk, leaves: [...this.#chunk.leaves], root: null });
    }
    const { id, stream, revision, position } = last;
    const { size, peaks } = this.#frontier;
    this.#place = { size, peaks: [...peaks], position, lastEvent: { id, stream, revision } };
    return { place: this.#place, chunks };
  }
}

export function rootOf(leaves: readonly Hash[]): Hash {
  const frontier = new Frontier();
  for (const leaf of leaves) frontier.add(leaf);
  return frontier.root();
}

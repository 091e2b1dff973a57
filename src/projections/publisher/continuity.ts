// Notices an event that the subscription has not delivered, whatever the cause. Each event must follow its predecessor
// in its stream. The check keeps the newest streams only; for another stream the predecessor is read from the store,
// and must be older than everything that the check has seen.
import { comparePositions, START_POSITION, type Position } from '../../domain/core/positions.ts';
import { isTombstone, type RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';

/** Streams that one generation of the memory holds; it has two generations. */
const STREAMS = 50_000;

/** Events that are missing in front of an event of their stream. */
export type Gap = {
  readonly stream: string;
  /** The first missing revision, and the last. */
  readonly first: bigint;
  readonly last: bigint;
};

export class Continuity {
  readonly #store: Pick<EventStore, 'readStream'>;
  #young = new Map<string, bigint>();
  #old = new Map<string, bigint>();
  /** Every event after `#since` is in one of the two maps; `#youngSince` is the same for the young one. */
  #since: Position;
  #youngSince: Position;
  readonly #capacity: number;
  #hasVanished = false;
  /** The last event's stream and revision, not in the maps yet. */
  #stream: string | undefined;
  #revision = -1n;

  /** @param from the position after which the check sees all events */
  constructor(
    store: Pick<EventStore, 'readStream'>,
    from: Position = START_POSITION,
    capacity = STREAMS,
  ) {
    this.#store = store;
    this.#since = this.#youngSince = from;
    this.#capacity = capacity;
  }

  /**
   * True once an event has come whose predecessors the log no longer shows: it was scavenged, or metadata hide them. A
   * tombstone of a stream without known events counts too.
   */
  get hasVanished(): boolean {
    return this.#hasVanished;
  }

  /**
   * Takes the next events in log order.
   * @returns the first gap; `undefined` when each event follows its predecessor
   */
  async check(events: readonly RecordedEvent[]): Promise<Gap | undefined> {
    for (const event of events) {
      const { stream, revision } = event;
      if (isTombstone(event)) {
        this.#hasVanished ||= stream !== this.#stream && this.#known(stream) === undefined;
        continue;
      }
      // The events of one append follow each other: one look-up serves all of them.
      if (stream !== this.#stream) {
        this.#remember();
        const before = this.#known(stream);
        const gap = before === undefined && revision > 0n ? await this.#unseen(event) : undefined;
        if (gap !== undefined) return gap;
        this.#stream = stream;
        this.#revision = before ?? revision - 1n;
      }
      const next = this.#revision + 1n;
      if (revision > next) return { stream, first: next, last: revision - 1n };
      this.#revision = revision;
    }
    const end = events.at(-1);
    if (end !== undefined && this.#young.size >= this.#capacity) {
      this.#remember();
      this.#old = this.#young;
      this.#young = new Map();
      this.#since = this.#youngSince;
      this.#youngSince = end.position;
    }
    return undefined;
  }

  #known(stream: string): bigint | undefined {
    return this.#young.get(stream) ?? this.#old.get(stream);
  }

  #remember(): void {
    if (this.#stream !== undefined) this.#young.set(this.#stream, this.#revision);
  }

  /** The predecessors of an event that should have been seen. */
  async #unseen({ stream, revision }: RecordedEvent): Promise<Gap | undefined> {
    let first = revision;
    let isOld = false;
    const before = { direction: 'backwards', from: revision - 1n } as const;
    for await (const page of this.#store.readStream(stream, before)) {
      const unseen = page.findIndex(({ position }) => comparePositions(position, this.#since) <= 0);
      const count = unseen === -1 ? page.length : unseen;
      first = page[count - 1]?.revision ?? first;
      isOld = unseen !== -1;
      if (isOld) break;
    }
    this.#hasVanished ||= !isOld && first > 0n;
    return first === revision ? undefined : { stream, first, last: revision - 1n };
  }
}

// Reads again what the subscription has delivered, while the projector is idle. This is the only way to find a
// skipped event that no later event of its stream follows.
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import { firstOf } from '../last-seen.ts';

/** The most delivered events that wait for the second look: some 30 bytes each. */
const MAX_WAITING = 1_000_000;

/** The most events of one part. */
const PART_EVENTS = 4_096;

/** The events of one part of the log, as delivered. */
type Part = { readonly after: Position | undefined; upTo: Position; readonly commits: bigint[] };

export type SecondLookOptions = {
  readonly store: Pick<EventStore, 'readAll'>;
  readonly prefixes: readonly string[];
  /** The position after which events are delivered. */
  readonly from: Position | undefined;
  /** Milliseconds that never run backwards. */
  readonly elapsed: () => number;
  /** After this time an event that is behind the last delivered one counts as skipped, in milliseconds. */
  readonly overdueMs: number;
};

export class SecondLook {
  readonly #store: Pick<EventStore, 'readAll'>;
  readonly #prefixes: readonly string[];
  #reached: Position | undefined;
  #parts: Part[] = [];
  /** An event behind the last delivered one, and since when looks find it there. */
  #overdue: { readonly at: Position; readonly since: number } | undefined;
  readonly #elapsed: () => number;
  readonly #overdueMs: number;

  constructor({ store, prefixes, from, elapsed, overdueMs }: SecondLookOptions) {
    this.#elapsed = elapsed;
    this.#overdueMs = overdueMs;
    this.#store = store;
    this.#prefixes = prefixes;
    this.#reached = from;
  }

  /** True when the next look must come before more events are taken. */
  get isDue(): boolean {
    return this.#parts.length * PART_EVENTS >= MAX_WAITING;
  }

  /** Takes the next delivered events. */
  delivered(events: readonly RecordedEvent[], upTo: Position): void {
    const last = this.#parts.at(-1);
    const commits = events.map(({ position }) => position.commit);
    if (last !== undefined && last.upTo === this.#reached && last.commits.length < PART_EVENTS) {
      last.commits.push(...commits);
      last.upTo = upTo;
    } else this.#parts.push({ after: this.#reached, upTo, commits });
    this.#reached = upTo;
  }

  /** Forgets the middle of a long wait: the next look reads its first and its last part. */
  shorten(): void {
    this.#parts.splice(1, this.#parts.length - 2);
  }

  /**
   * Compares all delivered events with the log. An event behind them may be on its way: it counts as skipped when it is
   * there for some time while the subscription waits for events.
   *
   * @param isReading whether the subscription waits for events
   * @returns an event of the log that was not delivered
   */
  async look(isReading: () => boolean, signal: AbortSignal): Promise<RecordedEvent | undefined> {
    const reached = this.#reached;
    // Events that are delivered meanwhile are for the next look.
    const waiting = this.#parts;
    this.#parts = [];
    while (waiting.length > 0) {
      // Parts that follow each other are read in one read.
      const breakAt = waiting.findIndex(({ after }, i) => i > 0 && after !== waiting[i - 1]?.upTo);
      const parts = waiting.slice(0, breakAt === -1 ? waiting.length : breakAt);
      try {
        const skipped = await this.#compare(parts[0]?.after, parts, signal);
        if (skipped !== undefined) return skipped;
      } catch (error) {
        this.#parts.unshift(...waiting);
        throw error;
      }
      if (signal.aborted) return undefined;
      waiting.splice(0, parts.length);
    }
    const after = { from: reached, prefixes: this.#prefixes, maxCount: 1 } as const;
    const next = await firstOf(this.#store.readAll({ direction: 'forwards', ...after }));
    if (next === undefined || this.#reached !== reached || !isReading()) {
      this.#overdue = undefined;
      return undefined;
    }
    const since = this.#overdue;
    if (since === undefined || comparePositions(next.position, since.at) !== 0) {
      this.#overdue = { at: next.position, since: this.#elapsed() };
      return undefined;
    }
    return this.#elapsed() - since.since >= this.#overdueMs ? next : undefined;
  }

  async #compare(
    from: Position | undefined,
    parts: readonly Part[],
    signal: AbortSignal,
  ): Promise<RecordedEvent | undefined> {
    const end = parts.at(-1)?.upTo;
    const expected = commitsOf(parts);
    let next = expected.next();
    // The first event that was not delivered is at most one behind those that were: a server that sends more of the log
    // does so for nothing.
    const maxCount = 1 + parts.reduce((sum, { commits }) => sum + commits.length, 0);
    const read = { direction: 'forwards', from, prefixes: this.#prefixes, maxCount } as const;
    for await (const page of this.#store.readAll(read)) {
      for (const event of page) {
        if (signal.aborted || end === undefined || comparePositions(event.position, end) > 0) {
          return undefined;
        }
        // A delivered event that is not in this read: another node may lag, or the event was scavenged.
        while (next.done !== true && next.value < event.position.commit) next = expected.next();
        if (next.done === true || next.value !== event.position.commit) return event;
        next = expected.next();
      }
    }
    return undefined;
  }
}

function* commitsOf(parts: readonly Part[]): Generator<bigint, undefined, undefined> {
  for (const { commits } of parts) yield* commits;
  return undefined;
}

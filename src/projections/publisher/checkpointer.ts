// Writes checkpoints: commits pages in order, as soon as the stream holds their messages. A checkpoint holds
// the state after the committed pages, not the newest state in memory.
import type { Instant } from '../../domain/core/instants.ts';
import type { Position } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { isRaised } from '../dedupe/messages.ts';
import type { FoldedPage, PlannedMessage } from '../dedupe/page.ts';
import { ParkedEvents } from '../dedupe/parked-events.ts';
import { checkpointOf } from '../dedupe/state.ts';
import type { Checkpoint, ReadModel, ReadModelCommit } from '../read-model.ts';
import type { SequenceMap } from './sequence-map.ts';

/** Events in flight: enough to hide the round trip to the output, few enough to keep memory small. */
const MAX_IN_FLIGHT = 4_096;
/** The fewest events of a commit during catch-up: every commit has a fixed cost. */
const BATCH = 512;

export type Committed = {
  readonly commit: ReadModelCommit;
  readonly pages: readonly FoldedPage[];
  /** How many messages of these pages this epoch has published; the others were stored already. */
  readonly sent: { readonly triggered: number; readonly notifications: number };
  readonly lastRecordedAt: Instant | undefined;
  /** The position of the last event of these pages. */
  readonly lastEventAt: Position | undefined;
};

export interface CheckpointObserver {
  /** Pages are committed and durable. */
  committed(committed: Committed): void;
  /** A page was not stored or not committed; no page is committed from now on. */
  failed(error: unknown): void;
}

type Pending = {
  readonly page: FoldedPage;
  readonly position: Position;
  /** How many events the page is of, and the position of the last one. */
  readonly events: number;
  readonly lastEventAt: Position | undefined;
  /** The messages that we published; undefined until all of the page are stored. */
  sent: readonly PlannedMessage[] | undefined;
};

/** What every checkpoint of an epoch carries. */
export type CheckpointIdentity = {
  readonly storeId: string;
  readonly output: string;
  readonly checkpointSequence: SequenceMap['checkpointSequence'];
};

export class Checkpointer {
  readonly #state: ReadModel;
  readonly #identity: CheckpointIdentity;
  readonly #observer: CheckpointObserver;
  readonly #queue: Pending[] = [];
  #running = false;
  #over = false;
  #room: (() => void)[] = [];
  /** False during catch-up: small commits wait for more pages. */
  #isLive = false;
  #eventsInFlight = 0;

  constructor(state: ReadModel, identity: CheckpointIdentity, observer: CheckpointObserver) {
    this.#state = state;
    this.#identity = identity;
    this.#observer = observer;
  }

  get inFlight(): number {
    return this.#queue.reduce((sum, { page }) => sum + page.messages.length, 0);
  }

  get isIdle(): boolean {
    return this.#queue.length === 0;
  }

  /** `recordedAt` of the oldest page that is not committed. */
  get oldest(): Instant | undefined {
    return this.#queue[0]?.page.firstRecordedAt;
  }

  /**
   * Queues a page; waits while too many events are in flight.
   *
   * @param events what the page is of
   * @param stored resolves when the stream holds the page's messages
   */
  async add(
    page: FoldedPage,
    position: Position,
    events: readonly RecordedEvent[],
    stored: Promise<readonly PlannedMessage[]>,
  ): Promise<void> {
    const lastEventAt = events.at(-1)?.position;
    const { length } = events;
    const pending: Pending = { page, position, events: length, lastEventAt, sent: undefined };
    this.#queue.push(pending);
    this.#eventsInFlight += length;
    stored.then(
      (sent) => {
        pending.sent = sent;
        this.#commitSoon();
      },
      (error: unknown) => {
        this.#fail(error);
      },
    );
    while (this.#eventsInFlight >= MAX_IN_FLIGHT && !this.#over) {
      await new Promise<void>((resolve) => this.#room.push(resolve));
    }
  }

  /** Catch-up is over: small commits no longer wait for more pages. */
  goLive(): void {
    if (this.#isLive) return;
    this.#isLive = true;
    this.#commitSoon();
  }

  /** Resolves when everything that was added is committed, or when nothing more will be. */
  async drained(): Promise<void> {
    this.goLive();
    while (this.#queue.length > 0 && !this.#over) {
      await new Promise<void>((resolve) => this.#room.push(resolve));
    }
  }

  /** Stops committing; pages that are not committed are forgotten. */
  end(): void {
    this.#over = true;
    this.#release();
  }

  #commitSoon(): void {
    // Several pages are often stored in one turn of the event loop: one transaction commits them all.
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => {
      this.#running = false;
      try {
        if (!this.#over) this.#commit();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  #commit(): void {
    const count = this.#queue.findIndex(({ sent }) => sent === undefined);
    const ready = this.#queue.slice(0, count === -1 ? this.#queue.length : count);
    const last = ready.at(-1);
    if (last === undefined) return;
    const events = ready.reduce((sum, page) => sum + page.events, 0);
    const isMoreToCome = !this.#isLive || ready.length < this.#queue.length;
    if (isMoreToCome && events < BATCH) return;
    const pages = ready.map(({ page }) => page);
    const commit = commitOf(pages, this.#checkpointAt(last));
    this.#state.commit(commit);
    this.#queue.splice(0, ready.length);
    this.#eventsInFlight -= events;
    this.#observer.committed({
      commit,
      pages,
      sent: countByRule(ready.flatMap(({ sent }) => sent ?? [])),
      lastEventAt: ready.findLast((page) => page.lastEventAt !== undefined)?.lastEventAt,
      lastRecordedAt: pages.findLast((page) => page.firstRecordedAt !== undefined)?.firstRecordedAt,
    });
    this.#release();
  }

  #checkpointAt({ page: { state }, position }: Pending): Checkpoint {
    const { storeId, output, checkpointSequence } = this.#identity;
    const sequence = checkpointSequence(state.ordinal);
    return checkpointOf({ ...state, position }, { storeId, output, sequence });
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.end();
    this.#observer.failed(error);
  }

  #release(): void {
    for (const resolve of this.#room.splice(0)) resolve();
  }
}

/** One transaction of all these pages. */
function commitOf(pages: readonly FoldedPage[], checkpoint: Checkpoint): ReadModelCommit {
  return {
    checkpoint,
    sentNotifications: pages.flatMap(({ sentNotifications }) => sentNotifications),
    // In the pages' order: of two versions of a notification the later one is kept.
    amended: pages.flatMap(({ amended }) => amended),
    suppressedRequests: pages.flatMap(({ suppressedRequests }) => suppressedRequests),
    mutedRequests: pages.flatMap(({ mutedRequests }) => mutedRequests),
    releasedRequests: pages.flatMap(({ releasedRequests }) => releasedRequests),
    verdicts: pages.flatMap(({ verdicts }) => verdicts),
    // In the stream's order: messages that foreign ones had displaced are at its end.
    recentMessages: pages
      .flatMap(({ recentMessages }) => recentMessages)
      .sort((a, b) => (a.sequence < b.sequence ? -1 : 1)),
    ...parkedAfter(pages),
    control: pages.flatMap(({ control }) => control),
    verdictMinutes: pages.flatMap(({ verdictMinutes }) => verdictMinutes),
  };
}

function parkedAfter(pages: readonly FoldedPage[]): Pick<FoldedPage, 'parked' | 'unparked'> {
  const events = new ParkedEvents();
  for (const { parked, unparked } of pages) {
    for (const event of unparked) events.unpark(event);
    for (const row of parked) events.park(row);
  }
  return events.rows();
}

function countByRule(sent: readonly PlannedMessage[]): Committed['sent'] {
  const triggered = sent.filter(({ rule }) => isRaised(rule)).length;
  return { triggered, notifications: sent.length - triggered };
}

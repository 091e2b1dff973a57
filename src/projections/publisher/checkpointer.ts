// Commits pages in their order, as soon as the stream holds their messages. What is saved is the state
// after the committed prefix, never the newest in memory.
import type { Position } from '../../domain/core/positions.ts';
import type { Instant } from '../../domain/core/instants.ts';
import { checkpointOf, type FoldedPage, type PlannedMessage } from '../dedupe/fold.ts';
import { subjectText, type SentById } from '../dedupe/subjects.ts';
import type { Checkpoint, SentNotification, ReadModel, ReadModelCommit } from '../read-model.ts';
import type { SequenceMap } from './sequence-map.ts';

/** Events on their way: enough to hide the round trip, few enough to stay small. */
const MAX_IN_FLIGHT = 4_096;
/** While more is to come at once, a commit takes so many events at least: its cost is by the commit. */
const BATCH = 512;

export type Committed = {
  readonly commit: ReadModelCommit;
  /** Messages among these pages that this epoch put into the stream, rather than found there. */
  readonly sent: { readonly triggered: number; readonly notifications: number };
  readonly checkpoint: Checkpoint;
  readonly lastRecordedAt: Instant | undefined;
};

type Pending = {
  readonly page: FoldedPage;
  readonly position: Position;
  /** How many events the page is of. */
  readonly events: number;
  /** The messages that we stored, once all are stored. */
  sent: readonly PlannedMessage[] | undefined;
};

/** The identity that every checkpoint of an epoch carries. */
export type CheckpointIdentity = {
  readonly storeId: string;
  readonly output: string;
  readonly markAfter: SequenceMap['markAfter'];
};

export class Checkpointer {
  readonly #state: ReadModel;
  readonly #identity: CheckpointIdentity;
  readonly #onCommit: (committed: Committed) => void;
  readonly #onFailure: (error: unknown) => void;
  readonly #queue: Pending[] = [];
  /** Notices that are decided or amended but not committed, by subject and id. */
  readonly #uncommitted = new Map<string, Map<string, SentNotification>>();
  #running = false;
  #over = false;
  #room: (() => void)[] = [];
  /** True: whatever is delivered is committed; false: more of the history is to come. */
  #isLive = false;
  #eventsInFlight = 0;

  constructor(
    state: ReadModel,
    identity: CheckpointIdentity,
    onCommit: (committed: Committed) => void,
    onFailure: (error: unknown) => void,
  ) {
    this.#state = state;
    this.#identity = identity;
    this.#onCommit = onCommit;
    this.#onFailure = onFailure;
  }

  get inFlight(): number {
    return this.#queue.reduce((sum, { page }) => sum + page.messages.length, 0);
  }

  get isIdle(): boolean {
    return this.#queue.length === 0;
  }

  /** Stamp of the oldest page that is not committed. */
  get oldest(): Instant | undefined {
    return this.#queue[0]?.page.firstRecordedAt;
  }

  /** A subject's notices as pages that are not committed have them. */
  uncommitted(subject: string): SentById | undefined {
    return this.#uncommitted.get(subject);
  }

  /**
   * Queues a page; waits while there is too much.
   *
   * @param events how many events the page is of
   */
  async add(
    page: FoldedPage,
    position: Position,
    events: number,
    delivered: Promise<readonly PlannedMessage[]>,
  ): Promise<void> {
    for (const notice of noticesOf(page)) {
      const subject = subjectText(notice);
      const notices = this.#uncommitted.get(subject);
      if (notices === undefined) this.#uncommitted.set(subject, new Map([[notice.id, notice]]));
      else notices.set(notice.id, notice);
    }
    const pending: Pending = { page, position, events, sent: undefined };
    this.#queue.push(pending);
    this.#eventsInFlight += events;
    delivered.then(
      (sent) => {
        pending.sent = sent;
        this.#commitDelivered();
      },
      (error: unknown) => {
        this.#fail(error);
      },
    );
    while (this.#eventsInFlight >= MAX_IN_FLIGHT && !this.#over) {
      await new Promise<void>((resolve) => this.#room.push(resolve));
    }
  }

  /** History is over, for now or for good: nothing waits for a larger commit any more. */
  goLive(): void {
    if (this.#isLive) return;
    this.#isLive = true;
    this.#commitDelivered();
  }

  /** Resolves when everything that was added is committed, or nothing more will be. */
  async drained(): Promise<void> {
    this.goLive();
    while (this.#queue.length > 0 && !this.#over) {
      await new Promise<void>((resolve) => this.#room.push(resolve));
    }
  }

  /** Stops committing; what was not committed is forgotten. */
  end(): void {
    this.#over = true;
    this.#release();
  }

  #commitDelivered(): void {
    // Several deliveries are often reported in one turn: one transaction takes them all.
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
    const { storeId, output, markAfter } = this.#identity;
    const { position } = last;
    const { state } = last.page;
    const sequence = markAfter(state.ordinal);
    const checkpoint = checkpointOf({ ...state, position }, { storeId, output, sequence });
    const commit = {
      checkpoint,
      sentNotifications: pages.flatMap(({ sentNotifications }) => sentNotifications),
      // In the pages' order: a notice that was amended twice is what it was amended to last.
      amended: pages.flatMap(({ amended }) => amended),
      verdicts: pages.flatMap(({ verdicts }) => verdicts),
      // In the stream's order: messages that had lost their place are at its end.
      recentMessages: pages
        .flatMap(({ recentMessages }) => recentMessages)
        .sort((a, b) => (a.sequence < b.sequence ? -1 : 1)),
      ...parkedAfter(pages),
      control: pages.flatMap(({ control }) => control),
    };
    this.#state.commit(commit);
    this.#queue.splice(0, ready.length);
    this.#eventsInFlight -= events;
    for (const notice of pages.flatMap(noticesOf)) this.#forget(notice);
    const lastRecordedAt = pages.findLast(({ firstRecordedAt }) => firstRecordedAt !== undefined);
    this.#onCommit({
      commit,
      sent: countByRule(ready.flatMap(({ sent }) => sent ?? [])),
      checkpoint,
      lastRecordedAt: lastRecordedAt?.firstRecordedAt,
    });
    this.#release();
  }

  /** Drops a notice that was committed, unless a later page has amended it. */
  #forget(notice: SentNotification): void {
    const subject = subjectText(notice);
    const notices = this.#uncommitted.get(subject);
    if (notices?.get(notice.id) !== notice) return;
    notices.delete(notice.id);
    if (notices.size === 0) this.#uncommitted.delete(subject);
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.end();
    this.#onFailure(error);
  }

  #release(): void {
    for (const resolve of this.#room.splice(0)) resolve();
  }
}

function noticesOf({ sentNotifications, amended }: FoldedPage): readonly SentNotification[] {
  return amended.length === 0 ? sentNotifications : [...sentNotifications, ...amended];
}

/** Pages are committed together, so a decision of a later page wins over an earlier one's row. */
function parkedAfter(pages: readonly FoldedPage[]): Pick<FoldedPage, 'parked' | 'unparked'> {
  const parked = new Map<string, FoldedPage['parked'][number]>();
  const unparked = new Set<string>();
  for (const page of pages) {
    for (const event of page.unparked) {
      parked.delete(event);
      unparked.add(event);
    }
    for (const row of page.parked) {
      // At the end, as in a commit of its own: whoever lists them sees the last decision last.
      parked.delete(row.event);
      parked.set(row.event, row);
      unparked.delete(row.event);
    }
  }
  return { parked: [...parked.values()], unparked: [...unparked] };
}

function countByRule(sent: readonly PlannedMessage[]): Committed['sent'] {
  const triggered = sent.filter(({ rule }) => rule === 'active_schedule.triggered').length;
  return { triggered, notifications: sent.length - triggered };
}

// A fold session: one pass over the log, page by page. It carries the state, the parked events and the sent
// notifications that are not committed yet. The projector, the audit and the simulation only pass pages in
// and take results out.
import type { Position } from '../../domain/core/positions.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import { classifyAll, type ClassifiedEvent } from './classify.ts';
import { foldPage, type FoldContext } from './fold.ts';
import type { MessageNames } from './messages.ts';
import { UncommittedMuted } from './muted.ts';
import { NO_MESSAGES, type FoldedPage, type Numbering } from './page.ts';
import { priorFor, type Prior, type PriorSources } from './prior.ts';
import { SHIPPED_RULESETS, type Rulesets } from './rulesets.ts';
import { addSent, removeSent, type SentBySubject } from './sent.ts';
import { initialFold, type FoldState } from './state.ts';
import { suppressedText } from './suppressed.ts';
import type { SuppressedRequests } from '../read-model.ts';

/** Events of one page: a larger page would delay the first ack, a smaller one would cost look-ups. */
const PAGE_EVENTS = 512;

export type FoldSessionOptions = Pick<PriorSources, 'kernel' | 'log' | 'readModel'> & {
  /** Default: the shipped rulesets. */
  readonly rulesets?: Rulesets | undefined;
  /** Default: no event makes a message. */
  readonly numbering?: Numbering | undefined;
  readonly names?: MessageNames | undefined;
  /** The state to go on from. Default: before the first event. */
  readonly start?: FoldState;
  /** Ids of the events that are parked at the start. */
  readonly parked?: Iterable<string>;
};

export type FoldResult = {
  readonly page: FoldedPage;
  readonly events: readonly ClassifiedEvent[];
  readonly prior: Prior;
};

export class FoldSession {
  readonly #sources: Pick<PriorSources, 'kernel' | 'log' | 'readModel'>;
  readonly #context: FoldContext;
  readonly #parked: Set<string>;
  readonly #uncommitted: SentBySubject = new Map();
  readonly #uncommittedMuted = new UncommittedMuted();
  readonly #uncommittedSuppressed = new Map<string, SuppressedRequests>();
  /** The last page while it is not committed; it joins {@link #uncommitted} with the next page only. */
  #last: FoldedPage | undefined;
  #state: FoldState;

  constructor(options: FoldSessionOptions) {
    const { kernel, log, readModel, rulesets = SHIPPED_RULESETS } = options;
    const { numbering = NO_MESSAGES, names = { subjectRoot: '', source: '' } } = options;
    this.#sources = { kernel, log, readModel };
    this.#context = { rulesets, numbering, names };
    this.#parked = new Set(options.parked);
    this.#state = options.start ?? initialFold;
  }

  get state(): FoldState {
    return this.#state;
  }

  /**
   * Folds the next events. They must be of the streams that the projection reads, in log order.
   * @param reached the position up to which the log has been read, if that is after the last event
   */
  async fold(events: readonly RecordedEvent[], reached?: Position): Promise<FoldResult> {
    const { kernel, log } = this.#sources;
    return this.foldClassified(await classifyAll(kernel, log, events), reached);
  }

  /** As {@link fold}, with events that the caller has classified. */
  async foldClassified(
    events: readonly ClassifiedEvent[],
    reached?: Position,
  ): Promise<FoldResult> {
    if (this.#last !== undefined) {
      for (const sent of this.#last.sentNotifications) addSent(this.#uncommitted, sent);
      for (const sent of this.#last.amended) addSent(this.#uncommitted, sent);
      for (const row of this.#last.suppressedRequests) {
        this.#uncommittedSuppressed.set(suppressedText(row), row);
      }
      this.#uncommittedMuted.add(this.#last);
      this.#last = undefined;
    }
    const sources = {
      ...this.#sources,
      uncommitted: this.#uncommitted,
      uncommittedSuppressed: this.#uncommittedSuppressed,
      uncommittedMuted: this.#uncommittedMuted,
      parked: this.#parked,
    };
    const prior = await priorFor(sources, this.#state.policies, events);
    const page = foldPage(this.#state, events, prior, this.#context);
    for (const event of page.unparked) this.#parked.delete(event);
    for (const { event } of page.parked) this.#parked.add(event);
    this.#state = reached === undefined ? page.state : { ...page.state, position: reached };
    this.#last = page;
    return { page, events, prior };
  }

  /** To be called when the read model holds a page: from then on its notifications are found there. */
  committed(page: FoldedPage): void {
    if (page === this.#last) {
      this.#last = undefined;
      return;
    }
    for (const sent of page.sentNotifications) removeSent(this.#uncommitted, sent);
    for (const sent of page.amended) removeSent(this.#uncommitted, sent);
    this.#uncommittedMuted.committed(page);
    for (const row of page.suppressedRequests) {
      const text = suppressedText(row);
      // A later version stays.
      if (this.#uncommittedSuppressed.get(text) === row) this.#uncommittedSuppressed.delete(text);
    }
  }
}

export function* inPages<T>(batch: readonly T[]): Generator<readonly T[], void, undefined> {
  for (let at = 0; at < batch.length; at += PAGE_EVENTS) yield batch.slice(at, at + PAGE_EVENTS);
}

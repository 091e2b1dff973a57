// Reads the log for an epoch, and notices events that the subscription has not delivered, whatever the cause.
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import type { TocsinError } from '../../domain/core/errors.ts';
import { unlessAborted, untilAborted } from '../../domain/core/signals.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { SubscriptionEntry } from '../../domain/ports/event-store.ts';
import { projectionPrefixes } from '../dedupe/classify.ts';
import { inPages } from '../dedupe/session.ts';
import { placeOf } from '../last-seen.ts';
import type { ProjectorContext } from './context.ts';
import { Continuity, type Gap } from './continuity.ts';
import type { ReadFrom } from './log-checks.ts';
import { refusals, skippedNow } from './refusals.ts';
import { SecondLook } from './second-look.ts';

/** How often a projector that is never idle compares delivered events with the log. */
const LOOK_MS = 60_000;

type Entries = readonly SubscriptionEntry[];

/** Follows the subscription of an intake. */
export interface IntakeObserver {
  /** The log's subscription is lost, or goes on. */
  disconnected(reason: string): void;
  connected(): void;
}

/** A page of the log, as the fold takes it. */
export type IntakePage = {
  readonly events: readonly RecordedEvent[];
  /** The position up to which the log has been read, where the page has moved it. */
  readonly reached: Position | undefined;
  /** All that was in the log when the subscription went live is in this page and the pages before it. */
  readonly isCaughtUp: boolean;
};

export class LogIntake {
  readonly #context: ProjectorContext;
  readonly #observer: IntakeObserver;
  readonly #prefixes: readonly string[];
  readonly #continuity: Continuity;
  readonly #secondLook: SecondLook;
  readonly #readsFirst: boolean;
  #from: Position | undefined;
  #lastEventAt: Position | undefined;
  #lookedAt: number;
  /** Looks run one after the other. */
  #looking: Promise<void> = Promise.resolve();
  /** True while events can be on their way: the subscription is lost, or the reader has not asked for more. */
  #isHeldUp = false;
  #isAway = false;

  /** @param options.readsFirst catch up by a read, because the subscription has skipped an event */
  constructor(
    context: ProjectorContext,
    { from, lastEventAt, readsFirst }: ReadFrom & { readonly readsFirst: boolean },
    observer: IntakeObserver,
  ) {
    const { store, kernel } = context;
    this.#context = context;
    this.#observer = observer;
    this.#prefixes = projectionPrefixes(kernel);
    this.#from = from;
    this.#lastEventAt = lastEventAt;
    this.#readsFirst = readsFirst;
    this.#continuity = new Continuity(store, from);
    const { elapsed, timing } = context;
    const overdueMs = 2 * timing.idleCheckMs;
    const prefixes = this.#prefixes;
    this.#secondLook = new SecondLook({ store, prefixes, from, elapsed, overdueMs });
    this.#lookedAt = context.elapsed();
  }

  /** The log after `from`, page by page. @throws TocsinError `events_skipped` */
  async *pages(signal: AbortSignal): AsyncGenerator<IntakePage, void, undefined> {
    const { store } = this.#context;
    const prefixes = this.#prefixes;
    if (this.#readsFirst) {
      for await (const events of store.readAll({
        direction: 'forwards',
        prefixes,
        from: this.#from,
      })) {
        yield* this.#checked(
          events.map((event) => ({ kind: 'event', event })),
          signal,
        );
        if (signal.aborted) return;
      }
    }
    const place = { from: this.#from, lastEventAt: this.#lastEventAt };
    for await (const batch of store.subscribeAll({ prefixes, ...place, signal })) {
      this.#followConnection(batch);
      yield* this.#checked(batch, signal);
      if (signal.aborted) return;
    }
  }

  /**
   * Compares what was delivered with the log, when there is time for it.
   * @throws TocsinError `events_skipped`
   */
  async look(isIdle: boolean, signal: AbortSignal): Promise<void> {
    const isLate = this.#context.elapsed() - this.#lookedAt >= LOOK_MS;
    if (isIdle || isLate) await this.#look(signal);
  }

  /** The same for the first and the last delivered events, as the last step of a run. */
  async lookOnce(signal: AbortSignal): Promise<void> {
    this.#secondLook.shorten();
    await this.#look(signal);
  }

  #followConnection(batch: Entries): void {
    for (const entry of batch) {
      if (entry.kind === 'disconnected') this.#observer.disconnected(entry.reason);
      else if (entry.kind === 'connected') this.#observer.connected();
      else continue;
      this.#isAway = entry.kind === 'disconnected';
    }
  }

  async *#checked(
    batch: Entries,
    signal: AbortSignal,
  ): AsyncGenerator<IntakePage, void, undefined> {
    for (const entries of [...inPages(batch)].flatMap(cutAfterCaughtUp)) {
      const events = entries.flatMap((entry) => (entry.kind === 'event' ? [entry.event] : []));
      const gap = await untilAborted(this.#continuity.check(events), signal);
      if (gap !== undefined) throw await untilAborted(this.#skipped(gap), signal);
      const reached = entries.map(placeOf).findLast((place) => place !== undefined);
      if (reached !== undefined) {
        this.#secondLook.delivered(events, reached);
        this.#from = reached;
        this.#lastEventAt = events.at(-1)?.position ?? this.#lastEventAt;
      }
      const isCaughtUp = entries.at(-1)?.kind === 'caughtUp';
      if (reached === undefined && !isCaughtUp) continue;
      this.#isHeldUp = true;
      yield { events, reached, isCaughtUp };
      this.#isHeldUp = false;
      if (this.#secondLook.isDue) await this.#look(signal);
    }
  }

  #look(signal: AbortSignal): Promise<void> {
    const look = this.#looking.then(() => this.#lookNow(signal));
    this.#looking = look.catch(() => undefined);
    return look;
  }

  async #lookNow(signal: AbortSignal): Promise<void> {
    this.#lookedAt = this.#context.elapsed();
    const isReading = (): boolean => !this.#isHeldUp && !this.#isAway;
    const looking = this.#secondLook.look(isReading, signal);
    const event = await unlessAborted(looking, signal, () => undefined);
    if (event === undefined) return;
    const { stream, revision } = event;
    throw await untilAborted(this.#skipped({ stream, first: revision, last: revision }), signal);
  }

  /** The error of a gap. Events before the committed position cannot be put in by reading again. */
  async #skipped({ stream, first, last }: Gap): Promise<TocsinError> {
    const { store, state } = this.#context;
    const committed = state.checkpoint()?.position;
    const read = { direction: 'forwards', from: first, maxCount: 1 } as const;
    for await (const [event] of store.readStream(stream, read)) {
      if (committed === undefined || event === undefined) break;
      if (comparePositions(event.position, committed) <= 0) {
        return refusals.skipped(stream, first, last);
      }
    }
    return skippedNow(stream, first, last);
  }
}

/** The stream's end is verified after a page that ends with `caughtUp`, before newer events are decided. */
function cutAfterCaughtUp(entries: Entries): readonly Entries[] {
  const end = 1 + entries.findIndex(({ kind }) => kind === 'caughtUp');
  if (end === 0 || end === entries.length) return [entries];
  return [entries.slice(0, end), ...cutAfterCaughtUp(entries.slice(end))];
}

// Reads the log for an epoch, and notices events that the subscription has not delivered, whatever the cause.
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import { unlessAborted, untilAborted } from '../../domain/core/signals.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { SubscriptionEntry } from '../../domain/ports/event-store.ts';
import { projectionPrefixes } from '../dedupe/classify.ts';
import { inPages } from '../dedupe/session.ts';
import { firstOf, placeOf } from '../last-seen.ts';
import type { ProjectorContext } from './context.ts';
import { Continuity, type Gap } from './continuity.ts';
import { skippedBefore, type ReadFrom } from './log-checks.ts';
import { isStoreAway } from './refusals.ts';
import { SecondLook } from './second-look.ts';
import { SkippedEvents } from './skipped-events.ts';

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
  /** Where the epoch has begun to read, and how far it has read. */
  readonly #start: ReadFrom;
  #read: ReadFrom;
  /** True once the subscription itself has delivered an event: from then on the store verifies it at each connection. */
  #hasDelivered = false;
  /** True when the log did not reach the saved place, and its events come from the last event on. */
  #hasGoneBack = false;
  #lookedAt: number;
  /** Looks run one after the other. */
  #looking: Promise<void> = Promise.resolve();
  /** True while events can be on their way: the subscription is lost, or the reader has not asked for more. */
  #isHeldUp = false;
  #isAway = false;

  /** @param readsFirst catch up by a read, because the subscription has skipped an event */
  constructor(
    context: ProjectorContext,
    start: ReadFrom,
    readsFirst: boolean,
    observer: IntakeObserver,
  ) {
    const { store, kernel } = context;
    this.#context = context;
    this.#observer = observer;
    this.#prefixes = projectionPrefixes(kernel);
    const { from } = start;
    this.#start = this.#read = start;
    this.#readsFirst = readsFirst;
    this.#continuity = new Continuity(store, from);
    const { elapsed, timing } = context;
    const overdueMs = 2 * timing.idleCheckMs;
    const prefixes = this.#prefixes;
    this.#secondLook = new SecondLook({ store, prefixes, from, elapsed, overdueMs });
    this.#lookedAt = context.elapsed();
  }

  /** True once the log has shown that events of its streams have vanished: a fold decides fewer messages than before. */
  get hasVanished(): boolean {
    return this.#continuity.hasVanished;
  }

  /** The log after the start, page by page. @throws SkippedEvents */
  async *pages(signal: AbortSignal): AsyncGenerator<IntakePage, void, undefined> {
    const { store } = this.#context;
    const prefixes = this.#prefixes;
    if (this.#readsFirst) {
      for await (const events of store.readAll({
        direction: 'forwards',
        prefixes,
        from: this.#read.from,
      })) {
        yield* this.#checked(
          events.map((event) => ({ kind: 'event', event })),
          signal,
        );
        if (signal.aborted) return;
      }
    }
    const place = { from: this.#read.from, lastEventAt: this.#read.lastEvent?.position };
    for await (const batch of store.subscribeAll({ prefixes, ...place, signal })) {
      const isReconnected = this.#followConnection(batch);
      if (isReconnected && !this.#hasDelivered)
        await untilAborted(this.#verify(this.#read), signal);
      this.#hasDelivered ||= batch.some(({ kind }) => kind === 'event');
      yield* this.#checked(batch, signal);
      if (signal.aborted) return;
    }
  }

  /**
   * Compares the log before the saved place with the last folded event. Reads all of it that lies between them, so it
   * runs beside the projection.
   * @throws SkippedEvents @throws TocsinError `log_changed`
   */
  async verifyStart(signal: AbortSignal): Promise<void> {
    const { from, lastEvent } = this.#start;
    if (from === undefined || lastEvent === undefined) return;
    if (comparePositions(from, lastEvent.position) === 0) return;
    const { pause, timing } = this.#context;
    for (;;) {
      try {
        await untilAborted(this.#verify(this.#start), signal);
        return;
      } catch (error) {
        // The subscription says that the store is away, and goes on once it is back.
        if (!isStoreAway(error)) throw error;
      }
      await pause(timing.idleCheckMs, signal);
    }
  }

  /**
   * Compares what was delivered with the log, when there is time for it.
   * @throws SkippedEvents
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

  /** @throws SkippedEvents @throws TocsinError `log_changed` */
  async #verify(read: ReadFrom): Promise<void> {
    const event = await skippedBefore(this.#context, read);
    if (event !== undefined && !this.#hasGoneBack) throw SkippedEvents.of(event);
  }

  /** @returns true where a lost connection is back */
  #followConnection(batch: Entries): boolean {
    let isBack = false;
    for (const entry of batch) {
      if (entry.kind === 'disconnected') this.#observer.disconnected(entry.reason);
      else if (entry.kind === 'connected') this.#observer.connected();
      else continue;
      this.#isAway = entry.kind === 'disconnected';
      isBack ||= !this.#isAway;
    }
    return isBack;
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
        const { from } = this.#read;
        this.#hasGoneBack ||= from !== undefined && comparePositions(reached, from) < 0;
        this.#secondLook.delivered(events, reached);
        this.#read = { from: reached, lastEvent: events.at(-1) ?? this.#read.lastEvent };
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
    if (event !== undefined) throw SkippedEvents.of(event);
  }

  async #skipped(gap: Gap): Promise<SkippedEvents> {
    const read = { direction: 'forwards', from: gap.first, maxCount: 1 } as const;
    const event = await firstOf(this.#context.store.readStream(gap.stream, read));
    return new SkippedEvents(gap, event?.position);
  }
}

/** The stream's end is verified after a page that ends with `caughtUp`, before newer events are decided. */
function cutAfterCaughtUp(entries: Entries): readonly Entries[] {
  const end = 1 + entries.findIndex(({ kind }) => kind === 'caughtUp');
  if (end === 0 || end === entries.length) return [entries];
  return [entries.slice(0, end), ...cutAfterCaughtUp(entries.slice(end))];
}

// One epoch: from the committed state to the first failure. A failure drops the fold in memory, and the next
// epoch starts from the committed state.
import { TocsinError } from '../../domain/core/errors.ts';
import type { Instant } from '../../domain/core/instants.ts';
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import { untilAborted } from '../../domain/core/signals.ts';
import type { RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { FoldedPage } from '../dedupe/page.ts';
import { projectionPrefixes } from '../dedupe/classify.ts';
import { FoldSession } from '../dedupe/session.ts';
import { initialFold } from '../dedupe/state.ts';
import type { OutputSession } from '../output.ts';
import type { Checkpoint } from '../read-model.ts';
import { Checkpointer, type CheckpointObserver, type Committed } from './checkpointer.ts';
import type { ProjectorContext } from './context.ts';
import { startEpoch, type EpochStart, type StartOptions } from './epoch-start.ts';
import { LogIntake, type IntakeObserver, type IntakePage } from './log-intake.ts';
import { EpochOver, Publisher, type Role, type RoleObserver } from './publisher.ts';
import { isDenial, isOfThisLog, isStoreAway } from './refusals.ts';
import type { Resumed } from './resume.ts';
import { SkippedEvents } from './skipped-events.ts';
import { traced } from './traced-messages.ts';

/** How long a stop waits for the acks of messages in flight. */
const DRAIN_MS = 5_000;

/** Follows an epoch: its projector. */
export interface EpochObserver
  extends RoleObserver, IntakeObserver, Pick<CheckpointObserver, 'committed'> {
  /** The epoch has compared the output with the checkpoint, and begins to read events. */
  resumed(epoch: RunningEpoch, resumed: Resumed, checkpoint: Checkpoint | undefined): void;
  folded(page: FoldedPage): void;
  /** The log decides every message that the stream holds: the operator's recovery mode was not needed. */
  verified(): void;
  /** Called now and then while the epoch runs. */
  stillRunning(): void;
  /** Everything that was in the log when the subscription began is folded. */
  caughtUp(): void;
}

/** What a status says of a running epoch. */
export interface RunningEpoch {
  readonly role: Role;
  /** Messages in flight. */
  readonly inFlight: number;
  readonly isIdle: boolean;
  /** `recordedAt` of the oldest page that is not committed. */
  readonly oldest: Instant | undefined;
  /**
   * Compares the first and the last delivered events with the log, as the last step of a run.
   * @throws TocsinError `events_skipped`
   */
  lookOnce(): Promise<void>;
}

export type EpochOptions = StartOptions & {
  readonly role: Role;
  readonly observer: EpochObserver;
};

/**
 * Runs until the signal is raised, then finishes the messages in flight.
 * @throws what ended the epoch; the signal's reason when it is raised before the epoch reads events
 */
export async function runEpoch(
  context: ProjectorContext,
  options: EpochOptions,
  signal: AbortSignal,
): Promise<void> {
  await using session = await context.output.connect(signal);
  const start = await startEpoch(context, session, options, signal);
  const epoch = new Epoch(context, session, start, options);
  options.observer.resumed(epoch, start.resumed, start.checkpoint);
  await epoch.run(signal);
}

class Epoch implements RunningEpoch, CheckpointObserver {
  readonly #context: ProjectorContext;
  readonly #observer: EpochObserver;
  readonly #fold: FoldSession;
  readonly #publisher: Publisher;
  readonly #checkpointer: Checkpointer;
  readonly #over = new AbortController();
  readonly #intake: LogIntake;
  /** The output stream is compared with the log once the fold has reached this position. */
  #verifiesAt: Position | undefined;
  #isVerified = false;
  /** The position of the last event that is committed. */
  #committedEventAt: Position | undefined;
  #isLive = false;
  #hasToldDenial = false;
  #failure: { readonly error: unknown } | undefined;
  /** Ends when the log before the saved place is compared. */
  #startVerified: Promise<void> = Promise.resolve();

  constructor(
    context: ProjectorContext,
    session: OutputSession,
    { open, checkpoint, readFrom, resumed, readsFirst, ...start }: EpochStart,
    { role, observer }: EpochOptions,
  ) {
    const { kernel, store, state, rulesets, names } = context;
    const { generation, info } = open;
    const { sequences } = resumed;
    this.#context = context;
    this.#observer = observer;
    this.#intake = new LogIntake(context, readFrom, readsFirst, observer);
    this.#committedEventAt = readFrom.lastEvent?.position;
    this.#fold = new FoldSession({
      kernel,
      log: store,
      readModel: state,
      rulesets,
      numbering: { after: generation.after, sequenceOf: sequences.sequenceOf },
      names,
      start: {
        ...(checkpoint ?? initialFold),
        policies: start.policies,
        ...(readFrom.from === undefined ? {} : { position: readFrom.from }),
      },
      parked: state.parked().map(({ event }) => event),
    });
    const begin = { role, created: info.created, resumed };
    this.#publisher = new Publisher(context, session, begin, observer);
    const { checkpointSequence } = sequences;
    const identity = { storeId: start.storeId, output: generation.id, checkpointSequence };
    this.#checkpointer = new Checkpointer(state, identity, this);
  }

  get role(): Role {
    return this.#publisher.role;
  }

  get inFlight(): number {
    return this.#checkpointer.inFlight;
  }

  get isIdle(): boolean {
    return this.#checkpointer.isIdle;
  }

  get oldest(): Instant | undefined {
    return this.#checkpointer.oldest;
  }

  committed(committed: Committed): void {
    for (const page of committed.pages) this.#fold.committed(page);
    this.#committedEventAt = committed.lastEventAt ?? this.#committedEventAt;
    this.#observer.committed(committed);
  }

  failed(error: unknown): void {
    this.#failure ??= { error };
    this.#over.abort();
    // The reading loop may be waiting for room, which an epoch that is over never makes.
    this.#checkpointer.end();
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => {
      this.#over.abort();
      // Another projector stores what a standby waits for: there is nothing to finish.
      if (this.role === 'standby') this.#checkpointer.end();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const watching = this.#watchStream();
    this.#startVerified = this.#verifyStart();
    try {
      await this.#foldEvents();
    } catch (error) {
      if (!this.#over.signal.aborted) this.failed(error);
    }
    try {
      // Stopped by the signal: messages in flight are stored and committed first.
      if (this.#failure === undefined && this.role === 'active') await this.#drain();
    } finally {
      signal.removeEventListener('abort', stop);
      this.#over.abort();
      this.#checkpointer.end();
      this.#publisher.abandon(new EpochOver('the epoch is over'));
      await watching;
      await this.#startVerified;
    }
    if (this.#failure === undefined) return;
    const error = this.#judged(this.#failure.error);
    // Rows may count messages of another log as ours, or lack an event. They are made again from the log, and the
    // comparison with the output stream then refuses again until an operator decides.
    const isWrong = error instanceof TocsinError && error.kind === 'refused';
    if (isWrong && !isOfThisLog(error.code)) this.#context.state.reset();
    throw error;
  }

  async #drain(): Promise<void> {
    // The wait ends when all is committed: its timer would keep the process alive.
    const done = new AbortController();
    const drained = this.#checkpointer.drained().then(() => {
      done.abort();
    });
    await Promise.race([drained, this.#context.pause(DRAIN_MS, done.signal)]);
  }

  async #foldEvents(): Promise<void> {
    const { signal } = this.#over;
    for await (const page of this.#intake.pages(signal)) {
      if (signal.aborted) return;
      await this.#foldPage(page);
      if (page.isCaughtUp && !this.#isVerified) await untilAborted(this.#verifyEnd(), signal);
    }
  }

  async #foldPage({ events, reached, isCaughtUp }: IntakePage): Promise<void> {
    const { signal } = this.#over;
    const { telemetry, now } = this.#context;
    const begun = now();
    // A retried event is read from the store, which may be away.
    const { page } = await untilAborted(this.#fold.fold(events, reached), signal);
    const position = reached ?? page.state.position;
    const stored = traced({ telemetry, now }, page, begun, () =>
      this.#publisher.publish(page, this.#intake.hasVanished),
    );
    this.#observer.folded(page);
    await this.#checkpointer.add(page, position, events, stored);
    const verifiesAt = this.#verifiesAt;
    if (verifiesAt !== undefined && comparePositions(position, verifiesAt) >= 0) this.#assertEnd();
    if (isCaughtUp) {
      this.#isLive = true;
      this.#checkpointer.goLive();
      this.#observer.caughtUp();
    }
  }

  /**
   * Compares the output stream with the log, all of which is folded now; where the node that is read from lags behind the
   * leader, once it has the leader's last event.
   * @throws TocsinError `output_ahead` when the stream holds more messages than the log has decided
   */
  async #verifyEnd(): Promise<void> {
    await this.#startVerified;
    const { store, kernel } = this.#context;
    const { position: from } = this.#fold.state;
    const prefixes = projectionPrefixes(kernel);
    let last: RecordedEvent | undefined;
    const read = { direction: 'forwards', from, prefixes, onLeader: true } as const;
    for await (const page of store.readAll(read)) last = page.at(-1);
    if (this.#over.signal.aborted) return;
    this.#verifiesAt = last?.position;
    if (last !== undefined) return;
    this.#assertEnd();
  }

  #assertEnd(): void {
    this.#publisher.assertNotAhead(this.#fold.state.ordinal);
    this.#verifiesAt = undefined;
    this.#isVerified = true;
    this.#observer.verified();
  }

  async lookOnce(): Promise<void> {
    try {
      await this.#intake.lookOnce(this.#over.signal);
    } catch (error) {
      this.failed(error);
      throw this.#judged(error);
    }
  }

  /** What an error means for the next epoch; called when nothing more is committed. */
  #judged(error: unknown): unknown {
    return error instanceof SkippedEvents ? error.judged(this.#committedEventAt) : error;
  }

  async #verifyStart(): Promise<void> {
    const { signal } = this.#over;
    try {
      await this.#intake.verifyStart(signal);
    } catch (error) {
      if (!signal.aborted) this.failed(error);
    }
  }

  /** Beside the other checks: the store may be away, and the subscription says so. */
  async #look(signal: AbortSignal): Promise<void> {
    try {
      await this.#intake.look(this.isIdle, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!isStoreAway(error)) this.failed(error);
      else this.#tellDenial(error);
    }
  }

  /** An open subscription outlives the rights of its user, so nothing else tells before its connection ends. */
  #tellDenial(error: unknown): void {
    if (this.#hasToldDenial || !isDenial(error)) return;
    this.#hasToldDenial = true;
    const text = 'the event store denies new reads; the open subscription goes on until its end';
    this.#context.logger.warn({ reason: error.message }, text);
  }

  /** A standby reads the stream's end all the time; an idle active projector now and then. */
  async #watchStream(): Promise<void> {
    const { pollMs, idleCheckMs } = this.#context.timing;
    const { signal } = this.#over;
    for (;;) {
      await this.#context.pause(this.role === 'standby' ? pollMs : idleCheckMs, signal);
      if (signal.aborted) return;
      this.#observer.stillRunning();
      try {
        await this.#publisher.inspectStream(() => this.isIdle);
        if (this.#isLive) void this.#look(signal);
      } catch (error) {
        this.failed(error);
      }
    }
  }
}

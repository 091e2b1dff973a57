// The projector: runs epochs, one after another. It reaches the store, the output and the read model through
// their ports only.
import { backoffMs, PROCESS_BACKOFF } from '../../domain/core/backoff.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import type { Instant } from '../../domain/core/instants.ts';
import type { Position } from '../../domain/core/positions.ts';
import { isOver, untilAborted } from '../../domain/core/signals.ts';
import { projectionPrefixes } from '../dedupe/classify.ts';
import type { FoldedPage } from '../dedupe/page.ts';
import { NO_COUNTS } from '../dedupe/state.ts';
import { OutputError } from '../output.ts';
import type { Checkpoint } from '../read-model.ts';
import type { Committed } from './checkpointer.ts';
import type { ProjectorContext, RecoveryMode } from './context.ts';
import { runEpoch, type EpochObserver, type RunningEpoch } from './epoch.ts';
import { EpochOver, type Role } from './publisher.ts';
import type { Resumed } from './resume.ts';
import { isPast, type ProjectorStatus } from './status.ts';

/** What a run has done; `published` and `suppressed` count notification requests. */
export type RunSummary = {
  readonly events: number;
  readonly triggered: number;
  readonly published: number;
  readonly suppressed: number;
  readonly parked: number;
  readonly checkpoint: Position | undefined;
  readonly outputSequence: bigint;
};

export type RunOptions = {
  /** Start as a standby: publish only when nobody else does. Default: publish, until fenced. */
  readonly standby?: boolean;
  /** How to go on where the projector would refuse to; used once. */
  readonly recoveryMode?: RecoveryMode;
};

export type OnceOptions = RunOptions & {
  /** Give up when a dependency stays away this long, in milliseconds. Default 15,000. */
  readonly giveUpAfterMs?: number;
};

export interface Projector {
  /**
   * Projects until the signal is raised; then finishes the messages in flight and resolves within ten
   * seconds, whatever is away. Outages before that are waited out for any length of time.
   * @throws TocsinError `refused` where going on could lose, double or misattribute notifications
   */
  run(signal: AbortSignal, options?: RunOptions): Promise<void>;
  /**
   * Projects up to the log's head at the call.
   * @throws TocsinError as `run`, and `unavailable` when a dependency stays away
   */
  once(options?: OnceOptions, signal?: AbortSignal): Promise<RunSummary>;
  /** Resolves when everything up to `position` is committed; rejects when the projector stops. */
  whenPast(position: Position): Promise<void>;
  status(): ProjectorStatus;
}

type Waiter = {
  /** The position to be committed; `undefined` waits until an epoch has resumed. */
  readonly position: Position | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

/** Makes a projector; nothing happens before `run` or `once`. */
export function createProjector(context: ProjectorContext): Projector {
  return new EpochProjector(context);
}

class EpochProjector implements Projector, EpochObserver {
  readonly #context: ProjectorContext;
  #phase: ProjectorStatus['phase'] = 'stopped';
  #running: RunningEpoch | undefined;
  #role: Role = 'active';
  #recoveryMode: RecoveryMode | undefined;
  #checkpoint: Checkpoint | undefined;
  #intake: { position: Position; events: number } | undefined;
  #lastRecordedAt: Instant | undefined;
  /** Events that were in the log when the subscription went live; unknown before. */
  #liveFrom: number | undefined;
  #progressAt: number;
  #epochs = 0;
  #sent = { triggered: 0, notifications: 0 };
  #foreign = 0;
  #resent = 0;
  #failures = 0;
  #lastFailure: string | undefined;
  #waiters: Waiter[] = [];

  constructor(context: ProjectorContext) {
    this.#context = context;
    this.#checkpoint = context.state.checkpoint();
    this.#progressAt = context.elapsed();
  }

  async run(signal: AbortSignal, options: RunOptions = {}): Promise<void> {
    if (this.#phase !== 'stopped') throw alreadyRunning();
    this.#role = options.standby === true ? 'standby' : 'active';
    this.#recoveryMode = options.recoveryMode;
    this.#progressAt = this.#context.elapsed();
    try {
      while (!signal.aborted) {
        this.#phase = 'running';
        this.#epochs += 1;
        const failure = await this.#epoch(signal);
        if (failure === undefined || isOver(signal)) return;
        await this.#waitAfter(failure.error, signal);
      }
    } finally {
      this.#phase = 'stopped';
      for (const { reject } of this.#waiters.splice(0)) reject(stopped());
    }
  }

  async once(options: OnceOptions = {}, signal?: AbortSignal): Promise<RunSummary> {
    if (this.#phase !== 'stopped') throw alreadyRunning();
    const { giveUpAfterMs = 15_000, ...rest } = options;
    const before = this.#checkpoint?.counts ?? NO_COUNTS;
    const sent = { ...this.#sent };
    const stop = new AbortController();
    const both = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
    const head = await untilAborted(this.#head(), both);
    // Resume also where nothing is to do: a lost or shorter stream must be noticed.
    const resumed = this.#wait(undefined);
    const run = this.run(both, rest);
    const reached = resumed.then(() =>
      head === undefined ? this.#whenIdle(both) : this.whenPast(head),
    );
    const away = this.#whenAway(giveUpAfterMs, both);
    try {
      await Promise.race([run, reached, away]);
    } finally {
      stop.abort();
      // `run` throws what ended it; the other two only learn that it is over.
      await Promise.allSettled([reached, away]);
      await run;
    }
    const after = this.#checkpoint?.counts ?? NO_COUNTS;
    // A state file that was folded from the beginning has counted from zero.
    const since = after.events >= before.events ? before : NO_COUNTS;
    return {
      events: after.events - since.events,
      triggered: this.#sent.triggered - sent.triggered,
      published: this.#sent.notifications - sent.notifications,
      suppressed: after.suppressed - since.suppressed,
      parked: after.parked - since.parked,
      checkpoint: this.#checkpoint?.position,
      outputSequence: this.#checkpoint?.sequence ?? 0n,
    };
  }

  whenPast(position: Position): Promise<void> {
    if (isPast(this.#checkpoint?.position, position)) return Promise.resolve();
    return this.#wait(position);
  }

  status(): ProjectorStatus {
    const { state, now } = this.#context;
    const running = this.#running;
    const { position: committed, counts: totals = NO_COUNTS } = this.#checkpoint ?? {};
    const oldest = running?.oldest ?? (this.#caughtUp ? undefined : this.#lastRecordedAt);
    return {
      phase: this.#phase,
      role: running?.role ?? this.#role,
      caughtUp: this.#caughtUp,
      intake: this.#intake?.position,
      committed,
      outputSequence: this.#checkpoint?.sequence ?? 0n,
      lagEvents: Math.max(0, (this.#intake?.events ?? 0) - totals.events),
      lagSeconds: oldest === undefined ? 0 : Math.max(0, (now() - oldest) / 1000),
      inFlight: running?.inFlight ?? 0,
      stalledSeconds: this.#stalledMs() / 1000,
      epochs: this.#epochs,
      sent: { ...this.#sent },
      foreign: this.#foreign,
      resent: this.#resent,
      totals,
      reasons: state.reasons(),
      parked: state.parkedCount(),
      lastFailure: this.#lastFailure,
    };
  }

  /** True once everything that was in the log when the subscription went live is committed. */
  get #caughtUp(): boolean {
    return this.#liveFrom !== undefined && (this.#checkpoint?.counts.events ?? 0) >= this.#liveFrom;
  }

  /** Since when nothing has moved although there is something to do. */
  #stalledMs(): number {
    const idle = this.#phase !== 'waiting' && this.#caughtUp && this.#running?.isIdle !== false;
    return idle ? 0 : this.#context.elapsed() - this.#progressAt;
  }

  resumed(epoch: RunningEpoch, { sequences, resent }: Resumed, checkpoint?: Checkpoint): void {
    // The operator's choice was for this refusal, not for a later one.
    this.#recoveryMode = undefined;
    this.#running = epoch;
    this.#checkpoint = checkpoint;
    this.#intake = undefined;
    this.#liveFrom = undefined;
    this.#foreign += sequences.foreign;
    this.#resent += resent;
    const committed = String(checkpoint?.ordinal ?? 0n);
    const end = String(sequences.end);
    const fields = { role: epoch.role, epoch: this.#epochs, committed, end };
    this.#context.logger.info(fields, 'resumed');
    this.#wake(({ position }) => position === undefined);
  }

  folded({ state }: FoldedPage): void {
    this.#intake = { position: state.position, events: state.counts.events };
  }

  committed({ commit, lastRecordedAt, sent }: Committed): void {
    const { checkpoint } = commit;
    this.#checkpoint = checkpoint;
    this.#lastRecordedAt = lastRecordedAt ?? this.#lastRecordedAt;
    this.#sent.triggered += sent.triggered;
    this.#sent.notifications += sent.notifications;
    this.#progressAt = this.#context.elapsed();
    this.#failures = 0;
    this.#lastFailure = undefined;
    this.#context.onCommit(commit);
    this.#wake(({ position }) => position && isPast(checkpoint.position, position));
  }

  caughtUp(): void {
    this.#liveFrom = this.#intake?.events ?? 0;
  }

  tookOver(): void {
    this.#role = 'active';
    this.#context.logger.warn({}, 'nobody publishes the decided messages; this standby takes over');
  }

  async #epoch(signal: AbortSignal): Promise<{ readonly error: unknown } | undefined> {
    const options = { role: this.#role, recoveryMode: this.#recoveryMode, observer: this };
    try {
      await runEpoch(this.#context, options, signal);
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      this.#running = undefined;
    }
  }

  #wait(position: Position | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ position, resolve, reject });
    });
  }

  #wake(isDue: (waiter: Waiter) => boolean | undefined): void {
    const due = this.#waiters.filter(isDue);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
    for (const { resolve } of due) resolve();
  }

  /** After an epoch's end: throws what only an operator can resolve, else waits before the next epoch. */
  async #waitAfter(error: unknown, signal: AbortSignal): Promise<void> {
    const { logger, timing, random, pause } = this.#context;
    if (isFatal(error)) throw error;
    const fenced = error instanceof OutputError && error.failure.kind === 'fenced';
    const expected =
      error instanceof EpochOver || error instanceof OutputError || error instanceof TocsinError;
    if (!expected) throw error;
    // Fenced: another projector of this partition publishes. Watch it as a standby.
    if (fenced) this.#role = 'standby';
    this.#phase = 'waiting';
    this.#lastFailure = error.message;
    const backoff = { ...PROCESS_BACKOFF, longestMs: timing.maxBackoffMs };
    const wait =
      error instanceof EpochOver || fenced ? 0 : backoffMs(this.#failures, backoff, random);
    this.#failures += 1;
    logger.warn({ reason: error.message, waitMs: Math.round(wait) }, 'epoch ended');
    await pause(wait, signal);
  }

  async #head(): Promise<Position | undefined> {
    const prefixes = projectionPrefixes(this.#context.kernel);
    const options = { direction: 'backwards', prefixes, maxCount: 1 } as const;
    for await (const [event] of this.#context.store.readAll(options)) return event?.position;
    return undefined;
  }

  async #whenIdle(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#caughtUp) await this.#context.pause(10, signal);
  }

  async #whenAway(giveUpAfterMs: number, signal: AbortSignal): Promise<void> {
    const { pause, timing } = this.#context;
    while (!signal.aborted) {
      await pause(timing.pollMs, signal);
      const failure = this.#lastFailure;
      if (isOver(signal) || failure === undefined || this.#stalledMs() < giveUpAfterMs) continue;
      throw new TocsinError('unavailable', 'dependency_away', failure, {
        hint: 'Nothing is lost. Start the dependency or check --store and --nats, then run this again.',
      });
    }
  }
}

function alreadyRunning(): TocsinError {
  return new TocsinError('usage', 'projector_running', 'this projector is running already', {
    hint: 'For a standby, open another projector with a state file of its own.',
  });
}

function stopped(): TocsinError {
  return new TocsinError(
    'usage',
    'projector_stopped',
    'the projector stopped before it reached the position',
    { hint: 'Run it again; it goes on from its checkpoint.' },
  );
}

/** True for an error that only an operator can resolve. */
function isFatal(error: unknown): error is TocsinError {
  return error instanceof TocsinError && error.kind !== 'unavailable';
}

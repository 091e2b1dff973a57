// The projector: epochs, one after another, for ever. It knows nothing of NATS, SQLite or EventStoreDB.
import { backoffMs, PROCESS_BACKOFF } from '../../domain/core/backoff.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import type { Position } from '../../domain/core/positions.ts';
import { isOver } from '../../domain/core/signals.ts';
import { NO_COUNTS } from '../dedupe/fold.ts';
import { projectionPrefixes } from '../dedupe/classify.ts';
import { OutputError } from '../output.ts';
import type { Checkpoint } from '../read-model.ts';
import type { ProjectorContext, RecoveryMode } from './context.ts';
import { EpochOver, type Role } from './publisher.ts';
import { isFatal, runEpoch, type EpochEvents, type EpochView } from './epoch.ts';
import { isPast, lagSecondsOf, type ProjectorStatus } from './status.ts';

/** What one run has done; `published` and `suppressed` count notification requests. */
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
  readonly recoveryMode?: RecoveryMode;
};

export type OnceOptions = RunOptions & {
  /** Give up when a dependency stays away this long, in milliseconds. Default 15,000. */
  readonly giveUpAfterMs?: number;
};

export interface Projector {
  /**
   * Projects until the signal is raised: then it finishes what is in flight and resolves.
   * Outages are waited out for ever.
   * @throws TocsinError `refused` where going on could lose, double or misattribute notifications
   */
  run(signal: AbortSignal, options?: RunOptions): Promise<void>;
  /**
   * Projects until the log's head as it is now.
   * @throws TocsinError as `run`, and `unavailable` when a dependency stays away
   */
  once(options?: OnceOptions, signal?: AbortSignal): Promise<RunSummary>;
  /** Resolves when everything up to `position` is committed; rejects when the projector stops. */
  whenPast(position: Position): Promise<void>;
  status(): ProjectorStatus;
}

type Waiter = {
  /** What has to be committed; `undefined` waits until an epoch has found its place. */
  readonly position: Position | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

/** Assembles a projector from its surroundings; nothing happens before `run` or `once`. */
export function createProjector(context: ProjectorContext): Projector {
  return new EpochProjector(context);
}

class EpochProjector implements Projector {
  readonly #context: ProjectorContext;
  #phase: ProjectorStatus['phase'] = 'stopped';
  #view: EpochView | undefined;
  #role: Role = 'active';
  #way: RecoveryMode | undefined;
  #checkpoint: Checkpoint | undefined;
  #intake: { position: Position; events: number } | undefined;
  #lastRecordedAt: number | undefined;
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
    this.#way = options.recoveryMode;
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
    const head = await this.#head();
    // Also where there is nothing to do: a stream that is gone or shorter must not pass unnoticed.
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
      // What ended the run is thrown by `run` itself; the others only learn that it is over.
      await Promise.allSettled([reached, away]);
      await run;
    }
    const after = this.#checkpoint?.counts ?? NO_COUNTS;
    // A state file that was folded anew counts from nothing.
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
    const committed = this.#checkpoint && {
      position: this.#checkpoint.position,
      events: this.#checkpoint.counts.events,
    };
    const view = this.#view;
    const parts = {
      phase: this.#phase,
      view,
      caughtUp: this.#caughtUp,
      intake: this.#intake,
      committed,
      lastRecordedAt: this.#lastRecordedAt,
      now: now(),
    };
    return {
      phase: this.#phase,
      role: view?.role ?? this.#role,
      caughtUp: this.#caughtUp,
      intake: this.#intake?.position,
      committed: committed?.position,
      outputSequence: this.#checkpoint?.sequence ?? 0n,
      lagEvents: Math.max(0, (this.#intake?.events ?? 0) - (committed?.events ?? 0)),
      lagSeconds: lagSecondsOf(parts),
      inFlight: view?.inFlight ?? 0,
      stalledSeconds: this.#stalledMs() / 1000,
      epochs: this.#epochs,
      sent: { ...this.#sent },
      foreign: this.#foreign,
      resent: this.#resent,
      totals: this.#checkpoint?.counts ?? NO_COUNTS,
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
    const idle = this.#phase !== 'waiting' && this.#caughtUp && this.#view?.isIdle !== false;
    return idle ? 0 : this.#context.elapsed() - this.#progressAt;
  }

  async #epoch(signal: AbortSignal): Promise<{ readonly error: unknown } | undefined> {
    try {
      const observe = (view: EpochView | undefined): void => {
        this.#view = view;
      };
      await runEpoch(this.#context, this.#role, this.#way, this.#events(), observe, signal);
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  #events(): EpochEvents {
    const { logger } = this.#context;
    return {
      resumed: (role, stored, checkpoint) => {
        // The operator's way was for this refusal, not for one that may come in a year.
        this.#way = undefined;
        this.#checkpoint = checkpoint;
        this.#intake = undefined;
        this.#liveFrom = undefined;
        this.#foreign += stored.placement.foreign;
        this.#resent += stored.resent;
        const ordinal = checkpoint?.ordinal ?? 0n;
        logger.info(
          {
            role,
            epoch: this.#epochs,
            committed: String(ordinal),
            end: String(stored.placement.end),
          },
          'resumed',
        );
        this.#wake(({ position }) => position === undefined);
      },
      folded: ({ state }) => {
        this.#intake = { position: state.position, events: state.counts.events };
      },
      committed: ({ commit, checkpoint, lastRecordedAt, sent }) => {
        this.#checkpoint = checkpoint;
        this.#lastRecordedAt = lastRecordedAt ?? this.#lastRecordedAt;
        this.#sent.triggered += sent.triggered;
        this.#sent.notifications += sent.notifications;
        this.#progressAt = this.#context.elapsed();
        this.#failures = 0;
        this.#lastFailure = undefined;
        this.#context.onCommit(commit);
        this.#wake(({ position }) => position && isPast(checkpoint.position, position));
      },
      caughtUp: () => {
        this.#liveFrom = this.#intake?.events ?? 0;
      },
      tookOver: () => {
        this.#role = 'active';
        logger.warn({}, 'nobody publishes what is decided; this standby takes over');
      },
    };
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

  /** Decides what an ended epoch means: stop, or wait and begin the next. */
  async #waitAfter(error: unknown, signal: AbortSignal): Promise<void> {
    const { logger, timing, random, pause } = this.#context;
    if (isFatal(error)) throw error;
    const fenced = error instanceof OutputError && error.failure.kind === 'fenced';
    const expected =
      error instanceof EpochOver || error instanceof OutputError || error instanceof TocsinError;
    if (!expected) throw error;
    // Fenced means that another projector of this lane is at work: let it, and watch.
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
        hint: 'Nothing is lost. Start it or check --store and --nats, then run this again.',
      });
    }
  }
}

function alreadyRunning(): TocsinError {
  return new TocsinError('usage', 'projector_running', 'this projector is running already', {
    hint: 'Open another one, with a state file of its own, for a standby.',
  });
}

function stopped(): TocsinError {
  return new TocsinError('usage', 'projector_stopped', 'the projector stopped before that', {
    hint: 'Run it again; it goes on where it stopped.',
  });
}

// The projector: runs epochs, one after another. It reaches the store, the output and the read model through
// their ports only.
import { backoffMs, PROCESS_BACKOFF } from '../../domain/core/backoff.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { parsePosition, type Position } from '../../domain/core/positions.ts';
import { isOver, untilAborted } from '../../domain/core/signals.ts';
import { projectionPrefixes } from '../dedupe/classify.ts';
import type { FoldedPage } from '../dedupe/page.ts';
import { NO_COUNTS } from '../dedupe/state.ts';
import { OutputError } from '../output.ts';
import { firstOf } from '../last-seen.ts';
import type { Committed } from './checkpointer.ts';
import type { ProjectorContext, RecoveryMode } from './context.ts';
import { runEpoch, type EpochObserver } from './epoch.ts';
import { EpochOver, type Role } from './publisher.ts';
import { isResolvable } from './output-generation.ts';
import { Progress } from './progress.ts';
import { isStoreAway } from './refusals.ts';
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
  whenPast(position: Position | string): Promise<void>;
  status(): ProjectorStatus;
}

type Waiter = {
  /** The position to be committed; `undefined` waits until an epoch has verified the output stream. */
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
  readonly #progress: Progress;
  #role: Role = 'active';
  #recoveryMode: RecoveryMode | undefined;
  #failures = 0;
  /** What ended the last epoch; it decides how the next one begins. */
  #last: TocsinError | undefined;
  #waiters: Waiter[] = [];

  constructor(context: ProjectorContext) {
    this.#context = context;
    this.#progress = new Progress(context);
  }

  async run(signal: AbortSignal, options: RunOptions = {}): Promise<void> {
    if (this.#progress.phase !== 'stopped') throw alreadyRunning();
    this.#role = options.standby === true ? 'standby' : 'active';
    this.#recoveryMode = options.recoveryMode;
    this.#progress.runBegins();
    try {
      while (!signal.aborted) {
        this.#progress.epochBegins();
        const failure = await this.#epoch(signal);
        if (failure === undefined || isOver(signal)) return;
        await this.#waitAfter(failure.error, signal);
      }
    } finally {
      this.#progress.phase = 'stopped';
      for (const { reject } of this.#waiters.splice(0)) reject(stopped());
    }
  }

  async once(options: OnceOptions = {}, signal?: AbortSignal): Promise<RunSummary> {
    if (this.#progress.phase !== 'stopped') throw alreadyRunning();
    const { giveUpAfterMs = 15_000, ...rest } = options;
    const before = this.#progress.checkpoint?.counts ?? NO_COUNTS;
    const sent = { ...this.#progress.sent };
    const stop = new AbortController();
    const both = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
    const head = await untilAborted(this.#head(), both);
    // Also where nothing is to do: a lost, shorter or longer stream must be noticed.
    const verified = this.#wait(undefined);
    const run = this.run(both, rest);
    const reached = verified.then(() =>
      head === undefined ? this.#whenIdle(both) : this.whenPast(head),
    );
    const away = this.#whenAway(giveUpAfterMs, both);
    try {
      await Promise.race([run, reached, away]);
      await this.#progress.running?.lookOnce();
    } finally {
      stop.abort();
      // `run` throws what ended it; the other two only learn that it is over.
      await Promise.allSettled([reached, away]);
      await run;
    }
    const after = this.#progress.checkpoint?.counts ?? NO_COUNTS;
    // A state file that was folded from the beginning has counted from zero.
    const since = after.events >= before.events ? before : NO_COUNTS;
    return {
      events: after.events - since.events,
      triggered: this.#progress.sent.triggered - sent.triggered,
      published: this.#progress.sent.notifications - sent.notifications,
      suppressed: after.suppressed - since.suppressed,
      parked: after.parked - since.parked,
      checkpoint: this.#progress.checkpoint?.position,
      outputSequence: this.#progress.checkpoint?.sequence ?? 0n,
    };
  }

  status(): ProjectorStatus {
    return this.#progress.status(this.#role);
  }

  whenPast(wanted: Position | string): Promise<void> {
    const position = typeof wanted === 'string' ? parsePosition(wanted) : wanted;
    if (position === undefined) {
      const message = 'whenPast got no position';
      const hint = 'Give it the position of a result, such as 4711/4711.';
      return Promise.reject(new TocsinError('usage', 'invalid_position', message, { hint }));
    }
    if (isPast(this.#progress.checkpoint?.position, position)) return Promise.resolve();
    return this.#wait(position);
  }

  verified(): void {
    // The operator's choice was for a refusal up to here, not for a later one.
    this.#recoveryMode = undefined;
    this.#wake(({ position }) => position === undefined);
  }

  tookOver(): void {
    this.#role = 'active';
    this.#context.logger.warn({}, 'nobody publishes the decided messages; this standby takes over');
  }

  resumed(...resumed: Parameters<EpochObserver['resumed']>): void {
    this.#progress.resumed(...resumed);
  }

  disconnected(reason: string): void {
    this.#progress.disconnected(reason);
  }

  connected(): void {
    this.#progress.connected();
  }

  stillRunning(): void {
    this.#progress.stillRunning();
  }

  folded(page: FoldedPage): void {
    this.#progress.folded(page);
  }

  committed(committed: Committed): void {
    const { commit } = committed;
    this.#progress.committed(committed);
    this.#failures = 0;
    this.#context.onCommit(commit);
    const reached = commit.checkpoint.position;
    this.#wake(({ position }) => position && isPast(reached, position));
  }

  caughtUp(): void {
    this.#progress.caughtUp();
  }

  async #epoch(signal: AbortSignal): Promise<{ readonly error: unknown } | undefined> {
    const last = this.#last;
    this.#last = undefined;
    const options = {
      role: this.#role,
      recoveryMode: this.#recoveryMode,
      last,
      onRecovery: () => {
        this.#recoveryMode = undefined;
      },
      observer: this,
    };
    try {
      await runEpoch(this.#context, options, signal);
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      this.#progress.epochEnded();
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
    if (error instanceof TocsinError) this.#last = error;
    const isResolved = isResolvable(error) && this.#recoveryMode !== undefined;
    if (isFatal(error) && !isResolved) throw error;
    const fenced = error instanceof OutputError && error.failure.kind === 'fenced';
    const expected =
      error instanceof EpochOver || error instanceof OutputError || error instanceof TocsinError;
    if (!expected) throw error;
    // Fenced: another projector of this partition publishes. Watch it as a standby.
    if (fenced) this.#role = 'standby';
    this.#progress.phase = 'waiting';
    if (isStoreAway(error)) this.#progress.disconnected(error.message);
    this.#progress.failure = error.message;
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
    return (await firstOf(this.#context.store.readAll(options)))?.position;
  }

  async #whenIdle(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#progress.isCaughtUp) await this.#context.pause(10, signal);
  }

  async #whenAway(giveUpAfterMs: number, signal: AbortSignal): Promise<void> {
    const { pause, timing } = this.#context;
    while (!signal.aborted) {
      await pause(timing.pollMs, signal);
      const waits = this.#progress.waitsFor;
      if (isOver(signal) || waits === undefined || waits.ms < giveUpAfterMs) continue;
      throw new TocsinError('unavailable', 'dependency_away', waits.reason, {
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

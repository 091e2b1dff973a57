// What a projector has done and what it waits for. Its status is made from these facts.
import type { Instant } from '../../domain/core/instants.ts';
import { formatPosition, type Position } from '../../domain/core/positions.ts';
import type { FoldedPage } from '../dedupe/page.ts';
import { NO_COUNTS } from '../dedupe/state.ts';
import type { Checkpoint } from '../read-model.ts';
import type { Committed } from './checkpointer.ts';
import type { ProjectorContext } from './context.ts';
import type { RunningEpoch } from './epoch.ts';
import type { Role } from './publisher.ts';
import type { Resumed } from './resume.ts';
import type { ProjectorStatus } from './status.ts';

/** How often a log line says that the event store is still away. */
const AWAY_LOG_MS = 60 * 60 * 1000;

/** How many reasons of one absence have a log line. */
const AWAY_REASONS = 5;

export class Progress {
  readonly #context: ProjectorContext;
  phase: ProjectorStatus['phase'] = 'stopped';
  /** Why the last epoch ended; until the next commit. */
  failure: string | undefined;
  running: RunningEpoch | undefined;
  checkpoint: Checkpoint | undefined;
  sent = { triggered: 0, notifications: 0 };
  #intake: { position: Position; events: number } | undefined;
  #lastRecordedAt: Instant | undefined;
  /** Events that were in the log when the subscription went live; unknown before. */
  #liveFrom: number | undefined;
  #progressAt: number;
  #epochs = 0;
  #foreign = 0;
  #resent = 0;
  /** Since when the event store is away, in milliseconds of `elapsed`, why, and what log lines said when. */
  #away:
    | { readonly since: number; reason: string; toldAt: number; readonly reasons: Set<string> }
    | undefined;
  /** `recordedAt` of the oldest event that was not committed when the last epoch ended. */
  #pending: Instant | undefined;

  constructor(context: ProjectorContext) {
    this.#context = context;
    this.checkpoint = context.state.checkpoint();
    this.#progressAt = context.elapsed();
  }

  /** @param role while no epoch runs */
  status(role: Role): ProjectorStatus {
    const { state, now } = this.#context;
    const running = this.running;
    const { position: committed, counts: totals = NO_COUNTS } = this.checkpoint ?? {};
    // Between two epochs, also while the next one connects, nothing newer is known.
    const oldest = running === undefined ? this.#pending : this.#oldest(running);
    return {
      phase: this.phase,
      role: running?.role ?? role,
      caughtUp: this.isCaughtUp && this.#away === undefined,
      storeAway: this.#away && {
        seconds: (this.#context.elapsed() - this.#away.since) / 1000,
        reason: this.#away.reason,
      },
      intake: this.#intake && formatPosition(this.#intake.position),
      committed: committed && formatPosition(committed),
      outputSequence: String(this.checkpoint?.sequence ?? 0n),
      lagEvents: Math.max(0, (this.#intake?.events ?? 0) - totals.events),
      lagSeconds: oldest === undefined ? 0 : Math.max(0, (now() - oldest) / 1000),
      inFlight: running?.inFlight ?? 0,
      stalledSeconds: this.#stalledMs() / 1000,
      epochs: this.#epochs,
      sent: { ...this.sent },
      foreign: this.#foreign,
      resent: this.#resent,
      totals,
      reasons: Object.fromEntries(state.reasons()),
      parked: state.parkedCount(),
      lastFailure: this.failure,
    };
  }

  /** What the projector waits for, and for how long nothing has moved meanwhile. */
  get waitsFor(): { readonly reason: string; readonly ms: number } | undefined {
    const reason = this.failure ?? this.#away?.reason;
    return reason === undefined ? undefined : { reason, ms: this.#stalledMs() };
  }

  /** True once everything that was in the log when the subscription went live is committed. */
  get isCaughtUp(): boolean {
    return this.#liveFrom !== undefined && (this.checkpoint?.counts.events ?? 0) >= this.#liveFrom;
  }

  runBegins(): void {
    this.#progressAt = this.#context.elapsed();
  }

  epochBegins(): void {
    this.phase = 'running';
    this.#epochs += 1;
  }

  epochEnded(): void {
    this.#workComes();
    if (this.running !== undefined) this.#pending = this.#oldest(this.running);
    this.running = undefined;
    this.#liveFrom = undefined;
  }

  /** `recordedAt` of the oldest event that is not committed; during catch-up, of the last committed one. */
  #oldest(running: RunningEpoch): Instant | undefined {
    return running.oldest ?? (this.isCaughtUp ? undefined : this.#lastRecordedAt);
  }

  /** True when nothing is to do. */
  get #isIdle(): boolean {
    const isRunning = this.phase !== 'waiting' && this.#away === undefined;
    return isRunning && this.isCaughtUp && this.running?.isIdle !== false;
  }

  /** Since when nothing has moved although there is something to do. */
  #stalledMs(): number {
    return this.#isIdle ? 0 : this.#context.elapsed() - this.#progressAt;
  }

  /** To be called before something is to do: a time without work is no stall. */
  #workComes(): void {
    if (this.#isIdle) this.#progressAt = this.#context.elapsed();
  }

  resumed(epoch: RunningEpoch, { sequences, resent }: Resumed, checkpoint?: Checkpoint): void {
    this.connected();
    this.running = epoch;
    this.checkpoint = checkpoint;
    this.#intake = undefined;
    this.#liveFrom = undefined;
    this.#foreign += sequences.foreign;
    this.#resent += resent;
    const committed = String(checkpoint?.ordinal ?? 0n);
    const end = String(sequences.end);
    const fields = { role: epoch.role, epoch: this.#epochs, committed, end };
    this.#context.logger.info(fields, 'resumed');
  }

  disconnected(reason: string): void {
    const away = this.#away;
    if (away === undefined) {
      this.#workComes();
      const since = this.#context.elapsed();
      this.#away = { since, reason, toldAt: since, reasons: new Set([reason]) };
      this.#context.logger.warn(
        { reason },
        'the event store is away; trying again until it is back',
      );
      return;
    }
    away.reason = reason;
    if (away.reasons.has(reason) || away.reasons.size >= AWAY_REASONS) return;
    away.reasons.add(reason);
    this.#context.logger.warn({ reason }, 'the event store is away for another reason');
  }

  stillRunning(): void {
    const away = this.#away;
    const now = this.#context.elapsed();
    if (away === undefined || now - away.toldAt < AWAY_LOG_MS) return;
    away.toldAt = now;
    const fields = { reason: away.reason, seconds: Math.round((now - away.since) / 1000) };
    this.#context.logger.warn(fields, 'the event store is still away');
  }

  connected(): void {
    if (this.#away === undefined) return;
    const seconds = Math.round((this.#context.elapsed() - this.#away.since) / 1000);
    this.#away = undefined;
    this.#context.logger.info({ seconds }, 'the event store is back');
  }

  folded({ state }: FoldedPage): void {
    this.#workComes();
    this.#intake = { position: state.position, events: state.counts.events };
  }

  committed({ commit, lastRecordedAt, sent }: Committed): void {
    const { checkpoint } = commit;
    this.checkpoint = checkpoint;
    this.#lastRecordedAt = lastRecordedAt ?? this.#lastRecordedAt;
    this.sent.triggered += sent.triggered;
    this.sent.notifications += sent.notifications;
    this.#progressAt = this.#context.elapsed();
    this.failure = undefined;
    for (const { event, stream, revision, code, detail } of commit.parked) {
      const about = { event, stream, revision: String(revision), code, detail };
      this.#context.logger.error(about, 'an event is parked: see `tocsin park list`');
    }
  }

  caughtUp(): void {
    this.#liveFrom = this.#intake?.events ?? 0;
  }
}

// The dispatcher of a due process: hands over due rows, holds failed and handled rows back for a while, and
// sleeps until the next row is due. It does not read the log.
import { backoffMs, PROCESS_BACKOFF } from '../../../domain/core/backoff.ts';
import { wakeSignal } from '../../../domain/core/wake-signal.ts';
import { silentLogger } from '../../../domain/ports/logger.ts';
import { noTelemetry } from '../../../domain/ports/telemetry.ts';
import { hasLeft } from './archived.ts';
import { holdsLastEvent } from './same-log.ts';
import { DUE_RANKS, type DueEntry, type DueRank } from './due-index.ts';
import type { DueProcessOptions } from './options.ts';

/** Rows handled at once; more gain nothing, because handlers mostly wait for the store. */
const DEFAULT_CONCURRENCY = 64;
/** Rows read from the index at once. */
const BATCH = 256;
/** Rows held back in memory at once. The next ones wait in the index, so that memory stays bounded. */
const MAX_HELD = 2_048;
/** How long a row waits in the index, which does not keep how often the row was tried. */
const DEFERRED_MS = 30_000;
/** A handled row that does not change is handed over again after this; doubled each time. */
const UNCHANGED_MS = 1_000;
/** After so many tries without a change, the row's stream is looked for. */
const TRIES_UNTIL_LOOK = 3;
/** The longest sleep, for the case that a clock is set or a timer is lost. */
const LONGEST_SLEEP_MS = 30_000;

/** Why a due row waits: its handler returned and the row has not changed yet, or its handler failed. */
type Hold = {
  readonly until: number;
  readonly tries: number;
  readonly outcome: 'handled' | 'failed';
};

/** True for a row of a stream that an archive took, in the log that the index has read: a copy answers for itself. */
const mayDrop = async (options: DueProcessOptions, stream: string): Promise<boolean> =>
  (await hasLeft(options, stream)) && (await holdsLastEvent(options.index, options));

export function dispatcher(options: DueProcessOptions) {
  const { index, now, elapsed, handle, logger = silentLogger } = options;
  const { telemetry = noTelemetry, name: process } = options;
  const { concurrency = DEFAULT_CONCURRENCY } = options;
  // Retries get at most half of the slots, so that first attempts always find one.
  const slots = [concurrency, Math.ceil(concurrency / 2)] as const;
  const running: [number, number] = [0, 0];
  const handling = new Map<string, Promise<void>>();
  const changedMeanwhile = new Set<string>();
  const holds = new Map<string, Hold>();
  const queues: [DueEntry[], DueEntry[]] = [[], []];
  let started = false;
  const changed = wakeSignal();

  const held = (): string[] => {
    const at = elapsed();
    return [...holds].filter(([, { until }]) => until > at).map(([key]) => key);
  };

  /** A hold that expired long ago belongs to a row that is not due any more. */
  const removeOldHolds = (): void => {
    const at = elapsed();
    for (const [key, { until }] of holds) {
      if (until + LONGEST_SLEEP_MS < at && !handling.has(key)) holds.delete(key);
    }
  };

  const drop = (key: string): void => {
    holds.delete(key);
    const position = index.position();
    if (position !== undefined) index.commit({ position, put: [], remove: [key] });
  };

  /** Replaces a row in the index; false if that cannot be done. */
  const replaced = (row: DueEntry): boolean => {
    const position = index.position();
    // The follower has written another row already.
    if (position === undefined || changedMeanwhile.has(row.key)) return false;
    try {
      index.commit({ position, put: [row], remove: [] });
      return true;
    } catch (err) {
      logger.warn({ process, key: row.key, err }, 'a due row is only held back in memory');
      return false;
    }
  };

  /**
   * Holds a row back, in memory or in the index. A failed row counts as a retry from then on, so that many failing rows
   * leave slots to the rows that were not tried yet.
   * @returns how long the row waits, in milliseconds
   */
  const hold = (entry: DueEntry, waitMs: number, state: Omit<Hold, 'until'>): number => {
    const { key } = entry;
    const isFull = !holds.has(key) && holds.size >= MAX_HELD;
    if (isFull || (state.outcome === 'failed' && entry.rank === 0)) {
      const dueAt = isFull ? now() + DEFERRED_MS : entry.dueAt;
      if (replaced({ ...entry, rank: 1, dueAt }) && isFull) return DEFERRED_MS;
    }
    const [oldest] = isFull ? holds.keys() : [];
    if (oldest !== undefined) holds.delete(oldest);
    holds.set(key, { until: elapsed() + waitMs, ...state });
    return waitMs;
  };

  const handleRow = async (entry: DueEntry, signal: AbortSignal): Promise<void> => {
    const { key, rank } = entry;
    running[rank] += 1;
    const tries = holds.get(key)?.tries ?? 0;
    try {
      // A row whose handling changes nothing may be of a stream that an archive took.
      if (tries >= TRIES_UNTIL_LOOK && (await mayDrop(options, entry.stream))) {
        drop(key);
        return;
      }
      await handle(entry, signal);
      telemetry.count('tocsin.due.handled', { process, outcome: 'handled' });
      holds.delete(key);
      // The row stays due until the follower has read the events of the handler.
      if (!changedMeanwhile.has(key)) {
        hold(entry, UNCHANGED_MS * 2 ** Math.min(tries, 5), {
          tries: tries + 1,
          outcome: 'handled',
        });
      }
    } catch (error) {
      const backoff = backoffMs(tries, PROCESS_BACKOFF, options.random);
      const waitMs = hold(entry, backoff, { tries: tries + 1, outcome: 'failed' });
      if (signal.aborted) return;
      telemetry.count('tocsin.due.handled', { process, outcome: 'failed' });
      const about = { process: options.name, key, tries: tries + 1, waitMs, err: error };
      logger.error(about, 'a due row was not handled and is tried again');
    } finally {
      changedMeanwhile.delete(key);
      handling.delete(key);
      running[rank] -= 1;
      changed.wake();
    }
  };

  const hasSlot = (rank: DueRank): boolean =>
    handling.size < concurrency && running[rank] < slots[rank];

  const handOver = (rank: DueRank, signal: AbortSignal): void => {
    const queue = queues[rank];
    while (hasSlot(rank)) {
      if (queue.length === 0) {
        const except = new Set([...handling.keys(), ...held()]);
        queue.push(...index.due(rank, now(), BATCH, except));
      }
      const entry = queue.shift();
      if (entry === undefined) return;
      handling.set(entry.key, handleRow(entry, signal));
    }
  };

  const sleepMs = (): number => {
    const at = elapsed();
    const waits = [LONGEST_SLEEP_MS];
    const waiting = held();
    for (const key of waiting) waits.push((holds.get(key)?.until ?? at) - at);
    const except = new Set([...handling.keys(), ...waiting]);
    for (const rank of DUE_RANKS.filter(hasSlot)) {
      const next = index.next(rank, except);
      if (next !== undefined) waits.push(next - now());
    }
    return Math.max(1, Math.min(...waits));
  };

  return {
    /** Starts to hand over rows. */
    start(): void {
      started = true;
      changed.wake();
    },
    rowsChanged(keys: ReadonlySet<string>): void {
      for (const key of keys) {
        if (handling.has(key)) changedMeanwhile.add(key);
        // A failed row keeps its backoff when it changes.
        if (holds.get(key)?.outcome === 'handled') holds.delete(key);
      }
      for (const rank of DUE_RANKS) {
        queues[rank] = queues[rank].filter(({ key }) => !keys.has(key));
      }
      changed.wake();
    },
    /** Hands over due rows until the signal; then resolves when every handler has returned. */
    async run(signal: AbortSignal): Promise<void> {
      try {
        while (!signal.aborted) {
          if (started) {
            removeOldHolds();
            for (const rank of DUE_RANKS) handOver(rank, signal);
          }
          // A wake since the last sleep ends this sleep at once.
          await changed.sleep(options.pause, started ? sleepMs() : LONGEST_SLEEP_MS, signal);
        }
      } finally {
        await Promise.all(handling.values());
      }
    },
  };
}

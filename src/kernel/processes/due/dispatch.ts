// The acting half of a due process: which rows are due, which are in hand, which have to wait, and how
// long to sleep. It knows nothing of the log.
import { silentLogger } from '../../../domain/ports/logger.ts';
import { DUE_RANKS, type DueEntry, type DueRank } from './due-index.ts';
import { backoffMs } from './backoff.ts';
import type { DueProcessOptions } from './options.ts';

/** Rows handled at once: more than that many waits for a store's answer gain nothing. */
const DEFAULT_CONCURRENCY = 64;
/** Rows fetched at once. */
const BATCH = 256;
/** Rows that are held back at once; at more nothing new is begun, so memory stays bounded. */
const MAX_HELD = 2_048;
/** How long a handled row may stay as it was before it is handed over again; doubled each time. */
const SETTLE_MS = 1_000;
/** Longest sleep: a safety net, should a clock be set or a timer be lost. */
const LONGEST_SLEEP_MS = 30_000;

export type Dispatcher = {
  /** Hands over due rows until the signal; then resolves when nothing is in hand. */
  readonly run: () => Promise<void>;
  /** Nothing is handed over before this. */
  readonly begin: () => void;
  /** These rows were written or taken away. */
  readonly stepped: (keys: ReadonlySet<string>) => void;
};

/** Why a row waits although it is due. */
type Hold = {
  readonly until: number;
  readonly tries: number;
  /** Handled; its row is expected to change. Otherwise: it failed. */
  readonly settled: boolean;
};

export function dispatcher(options: DueProcessOptions, signal: AbortSignal): Dispatcher {
  const { index, now, elapsed, handle, logger = silentLogger } = options;
  const { concurrency = DEFAULT_CONCURRENCY } = options;
  // Those who are tried again never have all places: who is there for the first time finds one.
  const rooms = [concurrency, Math.ceil(concurrency / 2)] as const;
  const counts: [number, number] = [0, 0];
  const inHand = new Map<string, Promise<void>>();
  const touched = new Set<string>();
  const holds = new Map<string, Hold>();
  const queues: [DueEntry[], DueEntry[]] = [[], []];
  let begun = false;
  let alarm = new AbortController();

  const ring = (): void => {
    // With a reason of its own: making an error for each ring would cost more than the ring.
    alarm.abort('ring');
  };

  const held = (): string[] => {
    const at = elapsed();
    return [...holds].filter(([, { until }]) => until > at).map(([key]) => key);
  };

  /** Holds that have long run out are of rows that are not due any more. */
  const sweep = (): void => {
    const at = elapsed();
    for (const [key, { until }] of holds) {
      if (until + LONGEST_SLEEP_MS < at && !inHand.has(key)) holds.delete(key);
    }
  };

  const work = async (entry: DueEntry): Promise<void> => {
    const { key, rank } = entry;
    counts[rank] += 1;
    const tries = holds.get(key)?.tries ?? 0;
    try {
      await handle(entry, signal);
      holds.delete(key);
      // Until the events that it wrote come back, its row looks as if nothing had been done.
      if (!touched.has(key)) {
        const until = elapsed() + SETTLE_MS * 2 ** Math.min(tries, 5);
        holds.set(key, { until, tries: tries + 1, settled: true });
      }
    } catch (error) {
      const waitMs = backoffMs(tries, options.random);
      holds.set(key, { until: elapsed() + waitMs, tries: tries + 1, settled: false });
      if (signal.aborted) return;
      const about = { process: options.name, key, tries: tries + 1, waitMs, err: error };
      logger.error(about, 'could not do what is due; it is tried again');
    } finally {
      touched.delete(key);
      inHand.delete(key);
      counts[rank] -= 1;
      ring();
    }
  };

  const hasRoom = (rank: DueRank): boolean =>
    inHand.size < concurrency && counts[rank] < rooms[rank];

  const handOver = (rank: DueRank): void => {
    const queue = queues[rank];
    while (hasRoom(rank)) {
      if (queue.length === 0) {
        const waiting = held();
        if (waiting.length >= MAX_HELD) return;
        queue.push(...index.due(rank, now(), BATCH, new Set([...inHand.keys(), ...waiting])));
      }
      const entry = queue.shift();
      if (entry === undefined) return;
      inHand.set(entry.key, work(entry));
    }
  };

  const sleepMs = (): number => {
    const at = elapsed();
    const waits = [LONGEST_SLEEP_MS];
    const waiting = held();
    for (const key of waiting) waits.push((holds.get(key)?.until ?? at) - at);
    const except = new Set([...inHand.keys(), ...waiting]);
    for (const rank of waiting.length < MAX_HELD ? DUE_RANKS.filter(hasRoom) : []) {
      const next = index.next(rank, except);
      if (next !== undefined) waits.push(next - now());
    }
    return Math.max(1, Math.min(...waits));
  };

  return {
    begin() {
      begun = true;
      ring();
    },
    stepped(keys) {
      for (const key of keys) {
        if (inHand.has(key)) touched.add(key);
        // A row that failed keeps its backoff, whatever is written about it.
        if (holds.get(key)?.settled === true) holds.delete(key);
      }
      for (const rank of DUE_RANKS) {
        queues[rank] = queues[rank].filter(({ key }) => !keys.has(key));
      }
      ring();
    },
    async run() {
      signal.addEventListener('abort', ring, { once: true });
      try {
        while (!signal.aborted) {
          alarm = new AbortController();
          if (begun) {
            sweep();
            for (const rank of DUE_RANKS) handOver(rank);
          }
          // Whatever rings from here on ends the pause, also before it began.
          await options.pause(begun ? sleepMs() : LONGEST_SLEEP_MS, alarm.signal);
        }
      } finally {
        signal.removeEventListener('abort', ring);
        await Promise.all(inHand.values());
      }
    },
  };
}

// A catch-up subscription on a log that is read in pages. It reads history and live events in the same way, so no
// event can get lost.
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, type Backoff } from '../../../domain/core/backoff.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { SubscribeOptions, SubscriptionEntry } from '../../../domain/ports/event-store.ts';
import { PAGE_EVENTS, type Log, type Scan } from './reading.ts';
import { positionOf } from './revisions.ts';

type Entries = readonly SubscriptionEntry[];

export type Feed = {
  readonly log: Pick<Log, 'scan'>;
  readonly commits: CommitSignal;
  /** Runs before a page is delivered. `drop` acts as a lost connection: the subscription resumes after the last entry. */
  readonly gate?: (page: Entries) => Promise<'deliver' | 'drop'>;
};

const RETRY: Backoff = { firstMs: 50, longestMs: 30_000 };

/** {@link EventStore.subscribeAll} on a feed. It ends immediately when the reader leaves, also during a wait. */
export function subscription(feed: Feed, options: SubscribeOptions): AsyncIterable<Entries> {
  return endable([options.signal], (signal) => run(feed, options, signal));
}

async function* run(
  feed: Feed,
  { from, lastEventAt, prefixes }: SubscribeOptions,
  signal: AbortSignal,
): AsyncGenerator<Entries, undefined, undefined> {
  let cursor = from?.commit ?? 0n;
  if (lastEventAt !== undefined) {
    const scan = await retrying(() => feed.log.scan('backwards', undefined, [], 1), signal);
    const end = scan?.events[0]?.position.commit ?? 0n;
    // A log that was restored from a backup: its next events come before the cursor.
    if (end < cursor) cursor = lastEventAt.commit;
  }
  let live = false;
  const ended = (): boolean => signal.aborted;
  while (!ended()) {
    const seen = feed.commits.count();
    const after = cursor;
    const scan = await retrying(
      () => feed.log.scan('forwards', after, prefixes, PAGE_EVENTS),
      signal,
    );
    if (scan === undefined) return;
    const page = entriesOf(scan, cursor, scan.atEnd && !live);
    if (page.length > 0) {
      if ((await feed.gate?.(page)) === 'drop') {
        live = false;
        continue;
      }
      if (ended()) return;
      live ||= scan.atEnd;
      if (scan.scannedTo > cursor) cursor = scan.scannedTo;
      yield page;
    }
    if (scan.atEnd) await feed.commits.changed(seen, signal);
    else await nextTurn();
  }
}

function entriesOf(scan: Scan, cursor: bigint, goesLive: boolean): Entries {
  const entries: SubscriptionEntry[] = scan.events.map((event) => ({ kind: 'event', event }));
  const delivered = scan.events.at(-1)?.position.commit ?? cursor;
  if (scan.scannedTo > delivered) {
    entries.push({ kind: 'checkpoint', position: positionOf(scan.scannedTo) });
  }
  if (goesLive) entries.push({ kind: 'caughtUp' });
  return entries;
}

/** The scan, once the log can be read; `undefined` once the signal is aborted. */
async function retrying(scan: () => Scan, signal: AbortSignal): Promise<Scan | undefined> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      return scan();
    } catch (error) {
      if (!(error instanceof TocsinError) || error.kind !== 'unavailable') throw error;
    }
    const waitMs = backoffMs(attempt, RETRY, Math.random);
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/** Counts commits and wakes subscriptions that wait for the next one. */
export type CommitSignal = {
  readonly count: () => number;
  readonly notify: () => void;
  /** Resolves once the count differs from `seen`, or the signal is aborted. Never rejects. */
  readonly changed: (seen: number, signal: AbortSignal) => Promise<void>;
};

export function commitSignal(): CommitSignal {
  let count = 0;
  const waiting = new Set<() => void>();
  return {
    count: () => count,
    notify() {
      count += 1;
      for (const wake of waiting) wake();
    },
    changed(seen, signal) {
      // A commit between the last read of the log and this call has changed the count.
      if (seen !== count || signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const wake = (): void => {
          waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        waiting.add(wake);
        signal.addEventListener('abort', wake);
      });
    },
  };
}

/** Runs a generator per iteration; its signal aborts with any of `signals` and when the reader leaves. */
export function endable<T>(
  signals: readonly (AbortSignal | undefined)[],
  run: (signal: AbortSignal) => AsyncGenerator<T, undefined, undefined>,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const left = new AbortController();
      const given = signals.filter((signal) => signal !== undefined);
      const pages = run(AbortSignal.any([left.signal, ...given]));
      return {
        next: () => pages.next(),
        return() {
          // A generator handles return() only after its current wait, so abort the wait.
          left.abort();
          return pages.return(undefined);
        },
      };
    },
  };
}

// A catch-up subscription on a log that is read in pages. History and live events come from the same pages, so no
// live buffer can overflow and no event can get lost between the two.
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, type Backoff } from '../../../domain/core/backoff.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { SubscribeOptions, SubscriptionEntry } from '../../../domain/ports/event-store.ts';
import type { CommitSignal } from './commit-signal.ts';
import { endable } from './endable.ts';
import { PAGE_EVENTS, type Log, type Scan } from './reading.ts';
import { positionOf } from './revisions.ts';

type Entries = readonly SubscriptionEntry[];

/** The log and signals that a subscription reads from. */
export type Feed = {
  readonly log: Pick<Log, 'scan'>;
  readonly commits: CommitSignal;
  /**
   * Runs before a page is delivered. `drop` discards the page as a lost connection would: the subscription
   * resumes after the last delivered entry.
   */
  readonly gate?: (page: Entries) => Promise<'deliver' | 'drop'>;
};

const RETRY: Backoff = { firstMs: 50, longestMs: 30_000 };

/**
 * {@link EventStore.subscribeAll} on a feed. It ends immediately when the reader leaves, also during a wait.
 */
export function subscription(feed: Feed, options: SubscribeOptions): AsyncIterable<Entries> {
  return endable([options.signal], (signal) => run(feed, options, signal));
}

async function* run(
  feed: Feed,
  { from, prefixes }: SubscribeOptions,
  signal: AbortSignal,
): AsyncGenerator<Entries, undefined, undefined> {
  let cursor = from?.commit ?? 0n;
  let live = false;
  const ended = (): boolean => signal.aborted;
  while (!ended()) {
    const seen = feed.commits.count();
    const scan = await scanWithRetry(feed.log, cursor, prefixes, signal);
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

/** The next scan; `undefined` once the signal is aborted. */
async function scanWithRetry(
  log: Pick<Log, 'scan'>,
  cursor: bigint,
  prefixes: readonly string[],
  signal: AbortSignal,
): Promise<Scan | undefined> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      return log.scan('forwards', cursor, prefixes, PAGE_EVENTS);
    } catch (error) {
      if (!(error instanceof TocsinError) || error.kind !== 'unavailable') throw error;
    }
    const waitMs = backoffMs(attempt, RETRY, Math.random);
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

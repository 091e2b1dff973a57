// The follower of a due process: reads events in log order and commits their rows, a page at a time.
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Position } from '../../../domain/core/positions.ts';
import { unlessAborted } from '../../../domain/core/signals.ts';
import type { SubscriptionEntry } from '../../../domain/ports/event-store.ts';
import type { DueCommit, DueEntry } from './due-index.ts';
import { silentReport, type ProcessReport } from './process.ts';
import { placeOf } from '../../../projections/last-seen.ts';
import { holdsLastEvent, type Follower } from './same-log.ts';
import type { EventRef } from '../../../projections/read-model.ts';
import type { DueProcessOptions } from './options.ts';

type Observer = {
  /** The changes of these rows are committed. */
  readonly rowsChanged: (keys: ReadonlySet<string>) => void;
  readonly caughtUp: () => void;
};

/** Keeps the rows until the signal. */
export async function follow(
  options: Pick<DueProcessOptions, 'index' | 'store' | 'prefixes' | 'changeOf'>,
  signal: AbortSignal,
  observer: Observer,
  report: ProcessReport = silentReport,
): Promise<void> {
  const { index, changeOf } = options;
  for await (const page of pagesAfter(index, options, signal, report)) {
    const { commit, keys } = commitOf(page, changeOf);
    if (commit !== undefined) {
      index.commit(commit);
      observer.rowsChanged(keys);
    }
    if (page.some(({ kind }) => kind === 'caughtUp')) observer.caughtUp();
  }
}

/**
 * The pages of the log after the position of an index, until the signal. At the start and after each lost connection
 * the last event of the index must be at its place: the store may have been put back meanwhile.
 *
 * @throws TocsinError `log_shorter` when it is not
 */
export async function* pagesAfter(
  index: Follower,
  { store, prefixes }: Pick<DueProcessOptions, 'store' | 'prefixes'>,
  signal: AbortSignal,
  report: ProcessReport,
): AsyncGenerator<readonly SubscriptionEntry[], void, undefined> {
  const verify = (): Promise<void> =>
    // The store may be away: a stop does not wait for it.
    unlessAborted(assertSameLog(index, store, prefixes), signal, () => undefined);
  await verify();
  for await (const page of store.subscribeAll({ from: index.position(), prefixes, signal })) {
    for (const entry of page) {
      if (entry.kind === 'disconnected') report.waits(entry.reason);
      if (entry.kind !== 'connected') continue;
      await verify();
      report.works();
    }
    if (signal.aborted) return;
    yield page;
  }
}

/** Ends a process whose index has read more than the log has. */
async function assertSameLog(
  index: Follower,
  store: DueProcessOptions['store'],
  prefixes: readonly string[],
): Promise<void> {
  if (await holdsLastEvent(index, { store, prefixes })) return;
  const last = index.lastEvent();
  const message = `the index has read event ${last?.revision} of ${last?.stream}, and the log does not have it`;
  const hint =
    'The log was replaced or restored from an older copy. Stop the worker, delete its index file, and start it again: the index is built from the log.';
  throw new TocsinError('refused', 'log_shorter', message, { hint });
}

function commitOf(
  page: readonly SubscriptionEntry[],
  changeOf: DueProcessOptions['changeOf'],
): { readonly commit: DueCommit | undefined; readonly keys: ReadonlySet<string> } {
  // The last change of a key counts.
  const rows = new Map<string, DueEntry | undefined>();
  for (const entry of page) {
    if (entry.kind !== 'event') continue;
    const change = changeOf(entry.event);
    for (const key of change?.remove ?? []) rows.set(key, undefined);
    for (const row of change?.put ?? []) rows.set(row.key, row);
  }
  const keys = new Set(rows.keys());
  const end = pageEnd(page);
  if (end === undefined) return { commit: undefined, keys };
  const put = [...rows.values()].filter((row) => row !== undefined);
  const remove = [...rows].filter(([, row]) => row === undefined).map(([key]) => key);
  return { commit: { ...end, put, remove }, keys };
}

/** The position behind a page, and its last event; `undefined` for a page without either. */
export function pageEnd(
  page: readonly SubscriptionEntry[],
): { readonly position: Position; readonly lastEvent: EventRef | undefined } | undefined {
  const position = page.map(placeOf).findLast((each) => each !== undefined);
  if (position === undefined) return undefined;
  const event = page.findLast((entry) => entry.kind === 'event')?.event;
  const lastEvent = event && { id: event.id, stream: event.stream, revision: event.revision };
  return { position, lastEvent };
}

// The reading half of a due process: events in log order into rows, a page at a time.
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Position } from '../../../domain/core/positions.ts';
import type { SubscriptionEntry } from '../../../domain/ports/event-store.ts';
import type { DueCommit, DueEntry, DueIndex } from './due-index.ts';
import { lastSeen } from '../../../projections/last-seen.ts';
import type { EventRef } from '../../../projections/read-model.ts';
import type { DueProcessOptions } from './options.ts';

type Told = {
  /** Which rows a page has touched; they are committed. */
  readonly stepped: (keys: ReadonlySet<string>) => void;
  readonly caughtUp: () => void;
};

/** Keeps the rows until the signal. */
export async function follow(
  options: Pick<DueProcessOptions, 'index' | 'store' | 'prefixes' | 'step'>,
  signal: AbortSignal,
  told: Told,
): Promise<void> {
  const { index, store, prefixes, step } = options;
  await assertSameLog(index, store, prefixes);
  const from = index.position();
  for await (const page of store.subscribeAll({ from, prefixes, signal })) {
    const { commit, keys } = commitOf(page, step);
    if (commit !== undefined) {
      index.commit(commit);
      told.stepped(keys);
    }
    if (page.some(({ kind }) => kind === 'caughtUp')) told.caughtUp();
  }
}

/** A log that was restored from an older copy has the same id, and is still another log. */
export async function assertSameLog(
  index: Pick<DueIndex, 'lastEvent' | 'position'>,
  store: DueProcessOptions['store'],
  prefixes: readonly string[],
): Promise<void> {
  const last = index.lastEvent();
  const position = index.position();
  if (last === undefined || position === undefined) return;
  if ((await lastSeen(store, { last, position, prefixes })) !== undefined) return;
  throw new TocsinError(
    'refused',
    'index_of_other_log',
    `the log does not have event ${last.revision} of ${last.stream} that the index has seen`,
    {
      hint: 'The log was replaced or restored from an older copy. Stop the worker, delete its index file, and start again: it is built from the log.',
    },
  );
}

function commitOf(
  page: readonly SubscriptionEntry[],
  step: DueProcessOptions['step'],
): { readonly commit: DueCommit | undefined; readonly keys: ReadonlySet<string> } {
  // The last word about a key counts.
  const rows = new Map<string, DueEntry | undefined>();
  let position: Position | undefined;
  let lastEvent: EventRef | undefined;
  for (const entry of page) {
    if (entry.kind === 'caughtUp') continue;
    if (entry.kind === 'checkpoint') {
      position = entry.position;
      continue;
    }
    const { event } = entry;
    position = event.position;
    lastEvent = { id: event.id, stream: event.stream, revision: event.revision };
    const change = step(event);
    for (const key of change?.remove ?? []) rows.set(key, undefined);
    for (const row of change?.put ?? []) rows.set(row.key, row);
  }
  const keys = new Set(rows.keys());
  if (position === undefined) return { commit: undefined, keys };
  const put = [...rows.values()].filter((row) => row !== undefined);
  const remove = [...rows].filter(([, row]) => row === undefined).map(([key]) => key);
  return { commit: { position, lastEvent, put, remove }, keys };
}

// Shared by the suites of the event store port. A log may hold other events: every test uses a stream prefix of its own and
// assumes no position.
import type { EventToAppend, RecordedEvent } from '../../domain/core/recorded-event.ts';
import type { Position } from '../../domain/core/positions.ts';
import type {
  AppendResult,
  EventStore,
  ExpectedRevision,
  SubscribeOptions,
  SubscriptionEntry,
} from '../../domain/ports/event-store.ts';

/** A store under test, and how to get rid of it. */
export type StoreFixture = {
  readonly store: EventStore;
  /** Closes the store and opens the same log again; absent where the log does not outlive the store. */
  readonly reopen?: () => Promise<EventStore>;
  readonly cleanup: () => Promise<void>;
};

export type StoreUnderTest = {
  readonly store: () => EventStore;
  readonly fixture: () => StoreFixture;
  readonly promises: StorePromises;
};

/** What some stores promise and others do not. A healthy server passes the suite with those of `PROMISES_OF_SERVERS`. */
export type StorePromises = {
  /** The log outlives the store; fixtures can then reopen it. */
  readonly isDurable: boolean;
  /** A subscription says only once that it has caught up. Servers say it again after many events at once. */
  readonly saysCaughtUpOnce: boolean;
  /**
   * At the end of the history a checkpoint is at the end of the log. Servers have looked at up to two pages of a thousand
   * events less.
   */
  readonly checkpointsReachTheEnd: boolean;
};

/** A server keeps its log, and promises no more than it must. */
export const PROMISES_OF_SERVERS: StorePromises = {
  isDurable: true,
  saysCaughtUpOnce: false,
  checkpointsReachTheEnd: false,
};

export const ALL_PROMISES: StorePromises = {
  isDurable: true,
  saysCaughtUpOnce: true,
  checkpointsReachTheEnd: true,
};

/** The same log, opened again. */
export function reopen(fixture: StoreFixture): Promise<EventStore> {
  if (fixture.reopen === undefined) throw new Error('this fixture cannot open its log again');
  return fixture.reopen();
}

/** A prefix that no other test and no other user of the log has. */
export function uniquePrefix(): string {
  return `contract.${crypto.randomUUID()}.`;
}

export function anEvent(n: number, extra: Partial<EventToAppend> = {}): EventToAppend {
  return {
    id: crypto.randomUUID(),
    type: 'Counted',
    data: { n },
    metadata: { from: 'test' },
    ...extra,
  };
}

export function events(count: number): EventToAppend[] {
  return Array.from({ length: count }, (_, n) => anEvent(n));
}

/** An append that has to succeed. */
export async function write(
  store: EventStore,
  stream: string,
  expected: ExpectedRevision,
  list: readonly EventToAppend[],
): Promise<Extract<AppendResult, { outcome: 'appended' }>> {
  const result = await store.append(stream, expected, list);
  if (result.outcome === 'appended') return result;
  throw new Error(
    `the append to ${stream} was not written: ${JSON.stringify(result, bigintAsText)}`,
  );
}

export async function all<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const list: T[] = [];
  for await (const page of pages) {
    if (page.length === 0) throw new Error('an empty page');
    list.push(...page);
  }
  return list;
}

export function allForwards(store: EventStore, ...prefixes: string[]): Promise<RecordedEvent[]> {
  return all(store.readAll({ direction: 'forwards', prefixes }));
}

export function streamForwards(store: EventStore, stream: string): Promise<RecordedEvent[]> {
  return all(store.readStream(stream, { direction: 'forwards' }));
}

export const idsOf = (list: readonly { readonly id: string }[]): string[] =>
  list.map(({ id }) => id);

export function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** A subscription that runs beside the test. */
export type Follower = {
  readonly entries: readonly SubscriptionEntry[];
  readonly events: () => RecordedEvent[];
  /** Resolves when the entries so far satisfy the condition; rejects when the subscription ends first. */
  readonly until: (condition: (entries: readonly SubscriptionEntry[]) => boolean) => Promise<void>;
  readonly untilEvents: (count: number) => Promise<void>;
  readonly untilCaughtUp: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** @param pace is awaited after every page */
export function follow(
  store: EventStore,
  options: Omit<SubscribeOptions, 'signal'>,
  pace?: (page: readonly SubscriptionEntry[]) => Promise<void>,
): Follower {
  const entries: SubscriptionEntry[] = [];
  const abort = new AbortController();
  const checks = new Set<() => void>();
  const run = async (): Promise<void> => {
    for await (const page of store.subscribeAll({ ...options, signal: abort.signal })) {
      if (page.length === 0) throw new Error('an empty page');
      entries.push(...page);
      for (const check of checks) check();
      await pace?.(page);
    }
  };
  const done = run();
  const until: Follower['until'] = async (condition) => {
    const met = new Promise<void>((resolve) => {
      const check = (): void => {
        if (!condition(entries)) return;
        checks.delete(check);
        resolve();
      };
      checks.add(check);
      check();
    });
    const ended = done.then(() => Promise.reject(new Error('the subscription ended')));
    await Promise.race([met, ended]);
  };
  // The test sees the error through `until` or `stop`; before that nobody may be waiting.
  done.catch(() => undefined);
  return {
    entries,
    events: () => eventsIn(entries),
    until,
    untilEvents: (count) => until((list) => eventsIn(list).length >= count),
    untilCaughtUp: () => until((list) => list.some(({ kind }) => kind === 'caughtUp')),
    async stop() {
      abort.abort();
      await done;
    },
  };
}

export function eventsIn(entries: readonly SubscriptionEntry[]): RecordedEvent[] {
  return entries.flatMap((entry) => (entry.kind === 'event' ? [entry.event] : []));
}

/** Where the entries are in the log; `caughtUp` has no place of its own. */
export function placesIn(entries: readonly SubscriptionEntry[]): Position[] {
  return entries.flatMap((entry) => {
    if (entry.kind === 'event') return [entry.event.position];
    return entry.kind === 'checkpoint' ? [entry.position] : [];
  });
}

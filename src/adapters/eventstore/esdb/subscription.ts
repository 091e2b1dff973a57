// A subscription to the log that outlives its connections. The protocol's answers carry events,
// checkpoints and the word that all is delivered in one order, and they are taken in that order: the
// client's own subscription calls back for checkpoints ahead of the events that they cover.
import { setTimeout as sleep } from 'node:timers/promises';
import { AccessDeniedError } from '@eventstore/db-client';
import { comparePositions, type Position } from '../../../domain/core/positions.ts';
import type { SubscribeOptions, SubscriptionEntry } from '../../../domain/ports/event-store.ts';
import type { Logger } from '../../../domain/ports/logger.ts';
import type { ReadCall } from './connection.ts';
import { asCommandError, messageOf, readError } from './failures.ts';
import { cancelLate, openInbox, type Inbox, type Item } from './inbox.ts';
import type { Heard } from './recorded.ts';
import { isSystemStream, logSubscription, takesAll } from './requests.ts';

type Entries = readonly SubscriptionEntry[];

/** What a subscription runs on. */
export type Subscribed = {
  readonly start: (request: ReturnType<typeof logSubscription>) => Promise<ReadCall>;
  readonly logger: Logger;
  /** The error for everybody once the store is closed. */
  readonly closed: () => Error | undefined;
};

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 30_000;

/** A server confirms a subscription at once; one that does not is not there. */
const CONFIRMATION_MS = 10_000;

/** What was given so far. */
type Delivered = { cursor: Position | undefined; entries: number; confirmed: boolean };

/**
 * {@link EventStore.subscribeAll} through calls: resubscribes for ever after the last entry that it
 * gave, with a growing pause until something comes again.
 *
 * @param signal ends it without an error
 */
export async function* subscribeThrough(
  store: Subscribed,
  { from, prefixes }: SubscribeOptions,
  signal: AbortSignal,
): AsyncGenerator<Entries, undefined, undefined> {
  const state: Delivered = { cursor: from, entries: 0, confirmed: false };
  const ended = (): boolean => signal.aborted;
  for (let failures = 0; !ended(); failures += 1) {
    const before = state.entries;
    try {
      yield* oneConnection(store, state, prefixes, signal);
    } catch (error) {
      if (ended()) break;
      const closed = store.closed();
      if (closed !== undefined) throw closed;
      // What was allowed before may be allowed again; what never was is a wrong set-up.
      const denied = asCommandError(error) instanceof AccessDeniedError;
      if (denied && !state.confirmed) throw readError(error);
      if (state.entries > before) failures = 0;
      const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 16));
      const waitMs = Math.round(ceiling * Math.random());
      store.logger.warn(
        { reason: messageOf(asCommandError(error)), waitMs },
        'the subscription was lost; subscribing again after what it gave last',
      );
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
  const closed = store.closed();
  if (closed !== undefined) throw closed;
}

/** Until the connection is lost, which throws, or the signal comes. */
async function* oneConnection(
  { start, logger }: Subscribed,
  state: Delivered,
  prefixes: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Entries, undefined, undefined> {
  const { cursor } = state;
  const atStart = cursor === undefined || cursor.commit === 0n;
  const starting = start(logSubscription(atStart ? 'start' : cursor, prefixes));
  const call = await unlessAborted(starting, signal);
  if (call === undefined) return;
  let silence: NodeJS.Timeout | undefined;
  const cancel = (): void => {
    call.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const inbox = openInbox(call, takesAll(prefixes) ? withoutSystem : itemOf);
    silence = setTimeout(cancel, CONFIRMATION_MS);
    for (;;) {
      const answers = await nextOf(inbox);
      clearTimeout(silence);
      state.confirmed = true;
      if (signal.aborted) return;
      const page = inOrder(answers, state, logger);
      if (page.length > 0) yield page;
    }
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', cancel);
    call.cancel();
  }
}

async function nextOf(inbox: Inbox<Entry>): Promise<readonly Entry[]> {
  const page = await inbox.next();
  if (page === undefined) throw new Error('the server ended the subscription');
  return page;
}

/** A dial can take long; leaving does not wait for it. */
async function unlessAborted(
  starting: Promise<ReadCall>,
  signal: AbortSignal,
): Promise<ReadCall | undefined> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const leave = (): void => {
    resolve(undefined);
  };
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  try {
    const call = await Promise.race([starting, aborted]);
    if (call === undefined) cancelLate(starting);
    return call;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

type Entry = SubscriptionEntry | { readonly kind: 'confirmed' };

function itemOf(heard: Heard): Item<Entry> | undefined {
  switch (heard.kind) {
    case 'event':
      return { item: { kind: 'event', event: heard.event }, bytes: heard.bytes };
    case 'checkpoint':
      return heard.position && { item: { kind: 'checkpoint', position: heard.position }, bytes: 0 };
    case 'caughtUp':
    case 'confirmed':
      return { item: { kind: heard.kind }, bytes: 0 };
    case 'other':
      return undefined;
  }
}

/** Where no prefix leaves the server's own streams out, their events only say how far it is. */
function withoutSystem(heard: Heard): Item<Entry> | undefined {
  if (heard.kind !== 'event' || !isSystemStream(heard.event.stream)) return itemOf(heard);
  return { item: { kind: 'checkpoint', position: heard.event.position }, bytes: 0 };
}

/** What goes on from the cursor: nothing twice, nothing back. Moves the cursor. */
function inOrder(answers: readonly Entry[], state: Delivered, logger: Logger): Entries {
  const page: SubscriptionEntry[] = [];
  for (const entry of answers) {
    if (entry.kind === 'confirmed') continue;
    if (entry.kind === 'caughtUp') {
      page.push(entry);
      continue;
    }
    const place = entry.kind === 'event' ? entry.event.position : entry.position;
    if (state.cursor !== undefined && comparePositions(place, state.cursor) <= 0) {
      if (entry.kind === 'event') {
        logger.debug({ event: entry.event.id }, 'the server repeated an event; left out');
      }
      continue;
    }
    state.cursor = place;
    state.entries += 1;
    page.push(entry);
  }
  return page;
}

// A subscription to the log that resubscribes after a lost connection. It keeps the order in which the server
// sends events, checkpoints and `caughtUp`: the client's own subscription reports checkpoints ahead of the
// events that they cover.
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, type Backoff } from '../../../domain/core/backoff.ts';
import { comparePositions, type Position } from '../../../domain/core/positions.ts';
import { unlessAborted } from '../../../domain/core/signals.ts';
import type { SubscribeOptions, SubscriptionEntry } from '../../../domain/ports/event-store.ts';
import type { Logger } from '../../../domain/ports/logger.ts';
import { answerPages, cancelLate, type AnswerPages, type Item } from './answer-pages.ts';
import type { ReadCall } from './link.ts';
import { isAccessDenied, messageOf, readError } from './failures.ts';
import type { ReadAnswer } from './read-answers.ts';
import { isSystemStream, logSubscription, selectsAll } from './requests.ts';

type Entries = readonly SubscriptionEntry[];

/** What a subscription needs of its store. */
export type SubscribedStore = {
  readonly start: (request: Buffer) => Promise<ReadCall>;
  readonly logger: Logger;
  /** The error of every call once the store is closed. */
  readonly closed: () => Error | undefined;
};

const RETRY: Backoff = { firstMs: 50, longestMs: 30_000 };

/** A server that does not confirm a subscription within this time counts as gone. */
const CONFIRMATION_MS = 10_000;

/** What the subscription has delivered, over all its connections. */
type Delivered = { cursor: Position | undefined; entries: number; confirmed: boolean };

/**
 * {@link EventStore.subscribeAll} through calls. Resubscribes without limit after the last entry that it
 * delivered, with a growing random backoff that ends with the next delivered entry.
 *
 * @param signal ends it without an error
 */
export async function* subscribeThrough(
  store: SubscribedStore,
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
      // Access that was granted before may be granted again; a first denial is a wrong configuration.
      if (isAccessDenied(error) && !state.confirmed) throw readError(error);
      if (state.entries > before) failures = 0;
      const waitMs = Math.round(backoffMs(failures, RETRY, Math.random));
      store.logger.warn(
        { reason: messageOf(error), waitMs },
        'the subscription was lost; resubscribing after the last delivered entry',
      );
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
  const closed = store.closed();
  if (closed !== undefined) throw closed;
}

/** Reads one connection until it is lost, which throws, or the signal is aborted. */
async function* oneConnection(
  { start, logger }: SubscribedStore,
  state: Delivered,
  prefixes: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Entries, undefined, undefined> {
  const { cursor } = state;
  const atStart = cursor === undefined || cursor.commit === 0n;
  const starting = start(logSubscription(atStart ? 'start' : cursor, prefixes));
  // A dial can take long; an abort does not wait for it.
  const call = await unlessAborted(starting, signal, () => undefined);
  if (call === undefined) {
    cancelLate(starting);
    return;
  }
  let silence: NodeJS.Timeout | undefined;
  const cancel = (): void => {
    call.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const pages = answerPages(call, selectsAll(prefixes) ? withoutSystem : itemOf);
    silence = setTimeout(cancel, CONFIRMATION_MS);
    for (;;) {
      const answers = await nextPage(pages);
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

async function nextPage(pages: AnswerPages<Entry>): Promise<readonly Entry[]> {
  const page = await pages.next();
  if (page === undefined) throw new Error('the server ended the subscription');
  return page;
}

type Entry = SubscriptionEntry | { readonly kind: 'confirmed' };

function itemOf(answer: ReadAnswer): Item<Entry> | undefined {
  switch (answer.kind) {
    case 'event':
      return { item: { kind: 'event', event: answer.event }, bytes: answer.bytes };
    case 'checkpoint':
      return (
        answer.position && { item: { kind: 'checkpoint', position: answer.position }, bytes: 0 }
      );
    case 'caughtUp':
    case 'confirmed':
      return { item: { kind: answer.kind }, bytes: 0 };
    case 'other':
      return undefined;
  }
}

/** Without prefixes the server's own events come too: each becomes a checkpoint. */
function withoutSystem(answer: ReadAnswer): Item<Entry> | undefined {
  if (answer.kind !== 'event' || !isSystemStream(answer.event.stream)) return itemOf(answer);
  return { item: { kind: 'checkpoint', position: answer.event.position }, bytes: 0 };
}

/** The entries after the cursor, so that nothing is delivered twice. Moves the cursor. */
function inOrder(answers: readonly Entry[], state: Delivered, logger: Logger): Entries {
  const page: SubscriptionEntry[] = [];
  for (const entry of answers) {
    if (entry.kind === 'confirmed') continue;
    if (entry.kind === 'caughtUp') {
      page.push(entry);
      continue;
    }
    const position = entry.kind === 'event' ? entry.event.position : entry.position;
    if (state.cursor !== undefined && comparePositions(position, state.cursor) <= 0) {
      if (entry.kind === 'event') {
        logger.debug({ event: entry.event.id }, 'the server repeated an event; skipped');
      }
      continue;
    }
    state.cursor = position;
    state.entries += 1;
    page.push(entry);
  }
  return page;
}

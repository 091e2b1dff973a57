// A subscription to the log that resubscribes after a lost connection. It keeps the order in which the server
// sends events, checkpoints and `caughtUp`: the client's own subscription reports checkpoints ahead of the
// events that they cover.
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, type Backoff } from '../../../domain/core/backoff.ts';
import { comparePositions, formatPosition, type Position } from '../../../domain/core/positions.ts';
import type { RecordedEvent } from '../../../domain/core/recorded-event.ts';
import { isOver, unlessAborted } from '../../../domain/core/signals.ts';
import type { SubscribeOptions, SubscriptionEntry } from '../../../domain/ports/event-store.ts';
import type { Logger } from '../../../domain/ports/logger.ts';
import { answerPages, cancelLate, type AnswerPages, type Item } from './answer-pages.ts';
import {
  deniedText,
  isAccessDenied,
  messageOf,
  readError,
  wasGranted,
  type Granted,
} from './failures.ts';
import type { ReadAnswer } from './read-answers.ts';
import { isSystemStream, logSubscription, matches, selectsAll } from './requests.ts';
import {
  firstFrom,
  isLogChanged,
  logChanged,
  startOf,
  type ReadNode,
} from './subscription-start.ts';

type Entries = readonly SubscriptionEntry[];

/** What a subscription needs of its store. */
export type SubscribedStore = {
  /** Connects to the node that the subscription reads from. */
  readonly connect: () => Promise<ReadNode>;
  readonly logger: Logger;
  readonly granted: Granted;
  /** The error of every call once the store is closed. */
  readonly closed: () => Error | undefined;
};

const RETRY: Backoff = { firstMs: 50, longestMs: 5_000 };

/** A server that does not confirm a subscription within this time counts as gone. */
const CONFIRMATION_MS = 10_000;

/** What the subscription has delivered, over all its connections. */
type Delivered = {
  cursor: Position | undefined;
  /** Where the current connection starts. */
  start: Position | undefined;
  /** The last event at or before the cursor, where it is known. */
  last: RecordedEvent | undefined;
  entries: number;
  /** The reason that `disconnected` gave last, until `connected`. */
  away: string | undefined;
};

/**
 * {@link EventStore.subscribeAll} through calls. Resubscribes without limit after the last event that it
 * delivered, with a growing random backoff that ends with the next delivered entry.
 *
 * @param signal ends it without an error
 */
export async function* subscribeThrough(
  store: SubscribedStore,
  options: SubscribeOptions,
  signal: AbortSignal,
): AsyncGenerator<Entries, undefined, undefined> {
  const { from } = options;
  const state: Delivered = {
    cursor: from?.commit === 0n ? undefined : from,
    start: undefined,
    last: undefined,
    entries: 0,
    away: undefined,
  };
  for (let failures = 0; !isOver(signal); failures += 1) {
    const before = state.entries;
    try {
      yield* oneConnection(store, state, options, signal);
    } catch (error) {
      if (isOver(signal)) break;
      const closed = store.closed();
      if (closed !== undefined) throw closed;
      // Access that was granted before may be granted again; a first denial is a wrong configuration.
      if (isLogChanged(error)) throw error;
      if (isAccessDenied(error) && !wasGranted(error, store.granted, true)) throw readError(error);
      if (state.entries > before) failures = 0;
      const waitMs = Math.round(backoffMs(failures, RETRY, Math.random));
      const reason = isAccessDenied(error) ? deniedText(error, 'this read') : messageOf(error);
      store.logger.debug({ reason, waitMs }, 'the subscription was lost; resubscribing');
      if (state.away !== reason) yield [{ kind: 'disconnected', reason }];
      state.away = reason;
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
  const closed = store.closed();
  if (closed !== undefined) throw closed;
}

/** Reads one connection until it is lost, which throws, the signal is aborted, or another call serves better. */
async function* oneConnection(
  store: SubscribedStore,
  state: Delivered,
  options: SubscribeOptions,
  signal: AbortSignal,
): AsyncGenerator<Entries, undefined, undefined> {
  const { prefixes } = options;
  // A dial can take long; an abort does not wait for it.
  const starting = subscribe(store, state, options);
  const started = await unlessAborted(starting, signal, () => undefined);
  if (started === undefined) {
    cancelLate(starting.then(({ call }) => call));
    return;
  }
  const { node, from, isSafe, head, call } = started;
  // A restored log ends before the position that the reader gave.
  if (state.last === undefined) state.cursor = from;
  state.start = from;
  const cancel = (): void => {
    call.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  const silence = setTimeout(cancel, CONFIRMATION_MS);
  try {
    const pages = answerPages(call, selectsAll(prefixes) ? withoutSystem : itemOf);
    let isLive = false;
    for (let isFirst = true; ; isFirst = false) {
      const answers = await nextPage(pages);
      clearTimeout(silence);
      store.granted.readAll = store.granted.login = true;
      if (isOver(signal)) return;
      const page: SubscriptionEntry[] = [];
      if (isFirst) {
        const first =
          isSafe || from === undefined
            ? undefined
            : await unlessAborted(firstFrom(node.start, from), signal, () => undefined);
        if (isOver(signal)) return;
        if (state.away !== undefined) page.push({ kind: 'connected' });
        state.away = undefined;
        if (first !== undefined && matches(prefixes, first.stream)) {
          add(page, { kind: 'event', event: first }, state);
        }
      }
      for (const entry of answers) {
        if (entry.kind === 'nowhere') {
          // Nothing matches up to the head of before, and version 24.6 sends no checkpoint any more in this call.
          if (head === undefined || state.cursor !== undefined) continue;
          add(page, { kind: 'checkpoint', position: head }, state);
          yield page;
          return;
        }
        if (entry.kind === 'confirmed' || (entry.kind === 'caughtUp' && isLive)) continue;
        isLive ||= entry.kind === 'caughtUp';
        add(page, entry, state);
      }
      if (page.length > 0) yield page;
    }
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', cancel);
    call.cancel();
  }
}

async function subscribe(
  { connect }: SubscribedStore,
  state: Delivered,
  { prefixes, lastEventAt }: SubscribeOptions,
) {
  const node = await connect();
  const start = await startOf(node, state.cursor, state.last, lastEventAt);
  const call = node.start(logSubscription(start.from ?? 'start', prefixes));
  return { ...start, node, call };
}

async function nextPage(pages: AnswerPages<Entry>): Promise<readonly Entry[]> {
  const page = await pages.next();
  if (page === undefined) throw new Error('the server ended the subscription');
  return page;
}

type Received = Extract<SubscriptionEntry, { kind: 'event' | 'checkpoint' | 'caughtUp' }>;
/** `nowhere`: a checkpoint without a position. */
type Entry = Received | { readonly kind: 'confirmed' } | { readonly kind: 'nowhere' };

const NOWHERE = { kind: 'nowhere' } as const;

function itemOf(answer: ReadAnswer): Item<Entry> | undefined {
  switch (answer.kind) {
    case 'event':
      return { item: { kind: 'event', event: answer.event }, bytes: answer.bytes };
    case 'checkpoint': {
      const { position } = answer;
      const item = position === undefined ? NOWHERE : ({ kind: 'checkpoint', position } as const);
      return { item, bytes: 0 };
    }
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

/** Adds an entry, if it was not delivered before. Moves the cursor. */
function add(page: SubscriptionEntry[], entry: Received, state: Delivered): void {
  const { cursor, last } = state;
  if (entry.kind === 'caughtUp') {
    page.push(entry);
    return;
  }
  const position = entry.kind === 'event' ? entry.event.position : entry.position;
  const isOld = cursor !== undefined && comparePositions(position, cursor) <= 0;
  if (entry.kind === 'event') {
    const delivered = last?.position ?? state.start;
    if (delivered !== undefined && comparePositions(position, delivered) <= 0) return;
    // A checkpoint has said that no further event is here.
    if (isOld) throw logChanged(`the log has a new event at ${formatPosition(position)}`);
    state.last = entry.event;
  } else if (isOld) return;
  state.cursor = position;
  state.entries += 1;
  page.push(entry);
}

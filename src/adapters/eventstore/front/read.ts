// `Read`: reads and subscriptions. They keep one page in memory; no event can get lost between history and live events.
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { status, type ServerWritableStream } from '@grpc/grpc-js';
import { match } from 'ts-pattern';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { Direction } from '../common/reading.ts';
import { BEYOND, bounded, type FileRows, type StoredEvent } from '../embedded/rows.ts';
import { TOMBSTONE_REVISION } from '../common/revisions.ts';
import type { FrontContext } from './context.ts';
import type { EventFilter } from './filter.ts';
import {
  eventMessage,
  CAUGHT_UP_MESSAGE,
  checkpointMessage,
  confirmationMessage,
  streamNotFoundMessage,
} from './event-frames.ts';
import { resolveLink } from './links.ts';
import { readerChannel, type ReaderChannel } from './reader-channel.ts';
import type { Reader } from './reader.ts';
import { readerPlaces } from './reader-places.ts';
import { readPlan, type ReadPlan } from './read-request.ts';
import { invalidPlace, type Place } from './read-start.ts';
import {
  asSent,
  notReady,
  Refusal,
  refusalOf,
  shuttingDown,
  streamDeleted,
  UNHANDLED,
} from './refusal.ts';
import { serverLog } from './server-log.ts';
import { LIVE_BUFFER, roomWhileLive } from './slow-reader.ts';
import { subscribeAsServer } from './server-subscription.ts';
import { isVisible, streamView, type StreamView } from './stream-view.ts';

const PAGE_EVENTS = 128;

type Plan<K extends ReadPlan['kind']> = Extract<ReadPlan, { kind: K }>;

export function readHandler({ engine, like, closing, state, telemetry, outgoing }: FrontContext) {
  const { rows, commits } = engine;
  const scavengedTo = (): bigint => state.scavengedTo;
  const places = readerPlaces();
  return (call: ServerWritableStream<ReadReq, Buffer>): void => {
    const out = readerChannel(call, outgoing, like);
    if (!state.isReady) {
      out.end(notReady());
      return;
    }
    const kind = call.request.getOptions()?.hasSubscription() === true ? 'subscriptions' : 'reads';
    const full = places.take(kind, call.getPeer(), out.over);
    if (full !== undefined) {
      out.end(full);
      return;
    }
    const plan = readPlan(call.request, like);
    if (plan === 'silence') return;
    if (plan === 'confirmation' || plan === 'failure behind a confirmation') {
      out.send(confirmationMessage(randomUUID()));
      if (plan !== 'confirmation') out.end(new Refusal(status.UNKNOWN, UNHANDLED));
      return;
    }
    if (plan instanceof Refusal || plan === 'nothing') {
      out.end(plan === 'nothing' ? undefined : asSent(plan, like));
      return;
    }
    const count = (change: number): void => {
      if (plan.kind === 'readStream' || plan.kind === 'readAll') return;
      telemetry.count('tocsin.front.subscriptions', {}, change);
    };
    count(1);
    run({ rows, commits, like, scavengedTo, out, closing }, plan).then(
      () => {
        count(-1);
        out.end(closing.aborted ? shuttingDown(like) : undefined);
      },
      (error: unknown) => {
        count(-1);
        out.end(asSent(refusalOf(error), like));
      },
    );
  };
}

function run(reader: Reader, plan: ReadPlan): Promise<void> {
  return match(plan)
    .with({ kind: 'readStream' }, (read) => readStream(reader, read))
    .with({ kind: 'readAll' }, (read) => readAll(reader, read))
    .with({ kind: 'subscribeToStream' }, (read) => subscribeToStream(reader, read))
    .with({ kind: 'subscribeToAll' }, (read) => subscribeToAll(reader, read))
    .exhaustive();
}

async function readStream(reader: Reader, plan: Plan<'readStream'>): Promise<void> {
  const { rows, out } = reader;
  const { stream, direction, maxCount } = plan;
  const view = viewOf(rows, stream);
  if (view.state !== 'there') {
    out.send(streamNotFoundMessage(stream));
    return;
  }
  const { first } = view;
  let from = startRevision(plan.from, direction);
  if (direction === 'forwards' && from < first) from = first;
  let left = maxCount;
  if (left === 0) return;
  await sendPages(reader, () => {
    const page = rows.stream(direction, stream, from, Math.min(left, PAGE_EVENTS));
    for (const event of page.events) {
      const revision = BigInt(event.revision);
      if (revision < first) return 'end';
      from = revision + (direction === 'forwards' ? 1n : -1n);
      // Too old for its readers.
      if (event.created < view.since) continue;
      left -= 1;
      const isFull = !sendEvent(rows, plan, event, out);
      if (left === 0) return 'end';
      if (isFull) return 'more';
    }
    return page.atEnd || from < first ? 'end' : 'more';
  });
}

async function readAll(reader: Reader, plan: Plan<'readAll'>): Promise<void> {
  const { rows, out, like } = reader;
  const { direction, maxCount } = plan;
  const filter = like === undefined ? plan.filter : filterOfServer(reader, plan);
  let from = startPosition(plan.from);
  let left = maxCount;
  if (left === 0) return;
  await sendPages(reader, () => {
    const page = rows.all(direction, from, PAGE_EVENTS, plan.ofStream);
    const passes = filter(page.events);
    for (const [i, event] of page.events.entries()) {
      from = BigInt(event.position) + (direction === 'forwards' ? 1n : 0n);
      if (passes[i] !== true) continue;
      left -= 1;
      const isFull = !sendEvent(rows, plan, event, out);
      if (left === 0) return 'end';
      if (isFull) return 'more';
    }
    if (page.skippedTo !== undefined) {
      from = BigInt(page.skippedTo) + (direction === 'forwards' ? 1n : 0n);
    }
    return page.atEnd ? 'end' : 'more';
  });
}

/** Sends pages to the end. A page is let go before the wait for the reader, and read when there is room for it. */
async function sendPages({ out }: Reader, sendPage: () => 'more' | 'end'): Promise<void> {
  while (!out.signal.aborted) {
    if (!out.hasRoom()) {
      await out.ready();
      continue;
    }
    if (sendPage() === 'end') return;
    await nextTurn();
  }
}

async function subscribeToStream(reader: Reader, plan: Plan<'subscribeToStream'>): Promise<void> {
  const { rows, out, like } = reader;
  const { stream, from } = plan;
  const isOld = like === '23.10';
  const isSilent = isOld && from === 'end' && streamView(rows, stream, 0).state === 'tombstoned';
  if (!isSilent) viewOf(rows, stream);
  const last = rows.lastRevision(stream);
  let next = from === 'start' ? 0n : from === 'end' ? last + 1n : from + 1n;
  const sendPage = (isLive: boolean): PageEnd => {
    const view = streamView(rows, stream, Date.now());
    if (view.state === 'there' && next < view.first) next = view.first;
    const page = rows.stream('forwards', stream, next, PAGE_EVENTS);
    const goesBehind = isLive && like !== undefined && !isOld && page.events.length > LIVE_BUFFER;
    for (const event of page.events) {
      const revision = BigInt(event.revision);
      if (revision < next || !isSent(view, event)) continue;
      next = revision + 1n;
      const isFull = !sendEvent(rows, plan, event, out);
      if (revision === TOMBSTONE_REVISION) throw streamDeleted(stream);
      if (isFull) return goesBehind ? 'behind' : 'more';
    }
    const end = page.events.at(-1);
    if (end !== undefined && BigInt(end.revision) >= next) next = BigInt(end.revision) + 1n;
    if (goesBehind) return 'behind';
    if (!page.atEnd) return 'more';
    // 23.10 is not caught up with a stream before it is there.
    return isOld && from !== 'end' && view.state === 'absent' ? 'absent' : 'end';
  };
  const waiting = (limit: number): number =>
    rows.stream('forwards', stream, next, limit).events.length;
  await follow(reader, { sendPage, room: () => roomWhileLive(reader, waiting) });
}

/** Hides records as a server does. @throws Refusal when there is no record at the start */
function filterOfServer({ rows, like, scavengedTo }: Reader, plan: Plan<'readAll'>): EventFilter {
  const { from, filter, direction } = plan;
  const log = serverLog(rows, scavengedTo);
  if (typeof from !== 'string') {
    if (!log.hasRecord(from)) throw invalidPlace(like);
    if (direction === 'backwards' && from.commit > rows.head()) {
      throw new Refusal(status.UNKNOWN, 'Unexpected ReadAllResult: Error');
    }
  }
  return (page) =>
    filter(page).map((passes, i) => {
      const event = page[i];
      return passes && event !== undefined && !log.isHidden(event);
    });
}

/** A subscriber sees the tombstone of a stream; of a deleted stream it sees what is written afterwards. */
function isSent(view: StreamView, event: StoredEvent): boolean {
  return view.state === 'tombstoned' || isVisible(view, event);
}

async function subscribeToAll(reader: Reader, plan: Plan<'subscribeToAll'>): Promise<void> {
  const { rows, out, like } = reader;
  if (like !== undefined) {
    await subscribeAsServer(reader, plan, like, (event) => sendEvent(rows, plan, event, out));
    return;
  }
  const { from, filter, checkpoints } = plan;
  const every = checkpoints && checkpoints.window * checkpoints.multiplier;
  let after = from === 'start' ? 0n : from === 'end' ? rows.head() : placeBefore(from);
  let considered = 0;
  let lastCheckpoint = after;
  const checkpoint = (): void => {
    // Never twice for one position: a client that stores it would write it again.
    if (after > lastCheckpoint) out.send(checkpointMessage(after, after));
    lastCheckpoint = after;
  };
  const sendPage = (): PageEnd => {
    const page = rows.all('forwards', after + 1n, PAGE_EVENTS);
    const passes = filter(page.events);
    for (const [i, event] of page.events.entries()) {
      const isFull = passes[i] === true && !sendEvent(rows, plan, event, out);
      after = BigInt(event.position);
      considered += 1;
      if (considered === every) {
        considered = 0;
        checkpoint();
      }
      if (isFull) return 'more';
    }
    return page.atEnd ? 'end' : 'more';
  };
  await follow(reader, { sendPage, room: out.ready, beforeLive: checkpoints && checkpoint });
}

/**
 * Whether more events may come at once. `absent`: at the end of a stream that is not there yet. `behind`: a server has to
 * catch up again.
 */
type PageEnd = 'more' | 'end' | 'absent' | 'behind';

type Followed = {
  /** Sends the next page. */
  readonly sendPage: (isLive: boolean) => PageEnd;
  /** Waits for room for a live reader. */
  readonly room: () => Promise<void>;
  readonly beforeLive?: (() => void) | undefined;
};

/** Sends pages until the reader leaves or the server closes, and waits for commits at the end of the log. */
async function follow(
  { commits, out, closing }: Reader,
  { sendPage, room, beforeLive }: Followed,
): Promise<void> {
  const signal = AbortSignal.any([out.signal, closing]);
  out.send(confirmationMessage(randomUUID()));
  for (let live = false; !signal.aborted;) {
    if (!out.hasRoom()) {
      await (live ? room() : out.ready());
      continue;
    }
    const seen = commits.count();
    const end = sendPage(live);
    if (end === 'behind') live = false;
    if (end === 'more' || end === 'behind') {
      await nextTurn();
      continue;
    }
    if (!live && end === 'end') {
      beforeLive?.();
      out.send(CAUGHT_UP_MESSAGE);
      live = true;
    }
    await commits.changed(seen, signal);
  }
}

/** @throws Refusal for a stream with a tombstone */
function viewOf(rows: FileRows, stream: string): StreamView {
  const view = streamView(rows, stream, Date.now());
  if (view.state === 'tombstoned') throw streamDeleted(stream);
  return view;
}

/** Sends an event. False when the reader is behind: the page then ends. */
function sendEvent(
  rows: FileRows,
  { resolveLinks, uuids }: Pick<ReadPlan, 'resolveLinks' | 'uuids'>,
  event: StoredEvent,
  out: ReaderChannel,
): boolean {
  const unresolved = { event, link: undefined, position: event.position };
  return out.send(eventMessage(resolveLinks ? resolveLink(rows, event) : unresolved, uuids));
}

function startRevision(from: Plan<'readStream'>['from'], direction: Direction): bigint {
  if (from === 'start') return 0n;
  if (from === 'end') return BEYOND;
  return direction === 'forwards' ? from : bounded(from);
}

function startPosition(from: Plan<'readAll'>['from']): bigint {
  return from === 'start' ? 0n : from === 'end' ? BEYOND : bounded(from.commit);
}

/** The position after which a subscription starts: the event at a place with a smaller second part lies behind it. */
function placeBefore({ commit, prepare }: Place): bigint {
  return bounded(prepare < commit ? commit - 1n : commit);
}

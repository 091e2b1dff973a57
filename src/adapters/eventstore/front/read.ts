// `Read`: reads and subscriptions. They keep one page in memory; no event can get lost between history and live events.
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { match } from 'ts-pattern';
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js';
import type { Direction } from '../common/reading.ts';
import type { EmbeddedEngine } from '../embedded/open.ts';
import { BEYOND, bounded, type FileRows, type StoredEvent } from '../embedded/rows.ts';
import { TOMBSTONE_REVISION } from '../common/revisions.ts';
import type { FrontContext } from './context.ts';
import {
  eventMessage,
  CAUGHT_UP_MESSAGE,
  checkpointMessage,
  confirmationMessage,
  streamNotFoundMessage,
} from './event-frames.ts';
import { resolveLink } from './links.ts';
import { readerChannel, type ReaderChannel } from './reader-channel.ts';
import { readPlan, type ReadPlan } from './read-request.ts';
import type { Place } from './read-start.ts';
import { asSent, Refusal, refusalOf, shuttingDown, streamDeleted } from './refusal.ts';
import { isVisible, streamView, type StreamView } from './stream-view.ts';

const PAGE_EVENTS = 128;

type Plan<K extends ReadPlan['kind']> = Extract<ReadPlan, { kind: K }>;

type Reader = Pick<EmbeddedEngine, 'rows' | 'commits'> & {
  readonly out: ReaderChannel;
  /** Aborted when the server closes: subscriptions end then. */
  readonly closing: AbortSignal;
};

export function readHandler({ engine, like, closing }: FrontContext) {
  const { rows, commits } = engine;
  return (call: ServerWritableStream<ReadReq, Buffer>): void => {
    const out = readerChannel(call);
    const plan = readPlan(call.request, like);
    if (plan === 'silence') return;
    if (plan instanceof Refusal || plan === 'nothing') {
      out.end(plan === 'nothing' ? undefined : asSent(plan, like));
      return;
    }
    run({ rows, commits, out, closing }, plan).then(
      () => {
        out.end(closing.aborted ? shuttingDown() : undefined);
      },
      (error: unknown) => {
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

async function readStream({ rows, out }: Reader, plan: Plan<'readStream'>): Promise<void> {
  const { stream, direction, maxCount } = plan;
  const view = viewOf(rows, stream);
  if (view.state !== 'there') {
    out.send(streamNotFoundMessage(stream));
    return;
  }
  const { first } = view;
  let from = startRevision(plan.from, direction);
  if (direction === 'forwards' && from < first) from = first;
  for (let left = maxCount; left > 0 && !out.signal.aborted;) {
    const page = rows.stream(direction, stream, from, Math.min(left, PAGE_EVENTS));
    for (const event of page.events) {
      if (BigInt(event.revision) < first) return;
      // Too old for its readers.
      if (event.created < view.since) continue;
      left -= 1;
      if (!sendEvent(rows, plan, event, out)) await out.ready();
    }
    const end = page.events.at(-1);
    if (end === undefined || page.atEnd) return;
    from = BigInt(end.revision) + (direction === 'forwards' ? 1n : -1n);
    if (from < first) return;
    await nextTurn();
  }
}

async function readAll({ rows, out }: Reader, plan: Plan<'readAll'>): Promise<void> {
  const { direction, filter, maxCount } = plan;
  let from = startPosition(plan.from);
  for (let left = maxCount; left > 0 && !out.signal.aborted;) {
    const page = rows.all(direction, from, PAGE_EVENTS);
    const passes = filter(page.events);
    for (const [i, event] of page.events.entries()) {
      if (passes[i] !== true) continue;
      if (!sendEvent(rows, plan, event, out)) await out.ready();
      left -= 1;
      if (left === 0) return;
    }
    const end = page.events.at(-1);
    if (end === undefined || page.atEnd) return;
    from = BigInt(end.position) + (direction === 'forwards' ? 1n : 0n);
    await nextTurn();
  }
}

async function subscribeToStream(reader: Reader, plan: Plan<'subscribeToStream'>): Promise<void> {
  const { rows, out } = reader;
  const { stream, from } = plan;
  viewOf(rows, stream);
  const last = rows.lastRevision(stream);
  let next = from === 'start' ? 0n : from === 'end' ? last + 1n : from + 1n;
  await follow(reader, async () => {
    const view = streamView(rows, stream, Date.now());
    if (view.state === 'there' && next < view.first) next = view.first;
    const page = rows.stream('forwards', stream, next, PAGE_EVENTS);
    for (const event of page.events) {
      if (!isSent(view, event)) continue;
      if (!sendEvent(rows, plan, event, out)) await out.ready();
    }
    const end = page.events.at(-1);
    if (end !== undefined) next = BigInt(end.revision) + 1n;
    if (next > TOMBSTONE_REVISION) throw streamDeleted(stream);
    return page.atEnd;
  });
}

/** A subscriber sees the tombstone of a stream; of a deleted stream it sees what is written afterwards. */
function isSent(view: StreamView, event: StoredEvent): boolean {
  return view.state === 'tombstoned' || isVisible(view, event);
}

async function subscribeToAll(reader: Reader, plan: Plan<'subscribeToAll'>): Promise<void> {
  const { rows, out } = reader;
  const { from, filter, checkpoints } = plan;
  const every = checkpoints && checkpoints.window * checkpoints.multiplier;
  let after = from === 'start' ? 0n : from === 'end' ? rows.head() : placeBefore(from);
  let considered = 0;
  let lastCheckpoint = after;
  const checkpoint = (): void => {
    // Never twice for one position: a client that stores it would write it again.
    if (after > lastCheckpoint) out.send(checkpointMessage(Number(after)));
    lastCheckpoint = after;
  };
  const sendPage = async (): Promise<boolean> => {
    const page = rows.all('forwards', after + 1n, PAGE_EVENTS);
    const passes = filter(page.events);
    for (const [i, event] of page.events.entries()) {
      if (passes[i] === true && !sendEvent(rows, plan, event, out)) await out.ready();
      after = BigInt(event.position);
      considered += 1;
      if (considered !== every) continue;
      considered = 0;
      checkpoint();
    }
    return page.atEnd;
  };
  await follow(reader, sendPage, checkpoints && checkpoint);
}

/**
 * Sends pages until the reader leaves or the server closes, and waits for commits at the end of the log.
 *
 * @param sendPage sends the next page; true when no event came after it
 */
async function follow(
  { commits, out, closing }: Reader,
  sendPage: () => Promise<boolean>,
  beforeLive?: () => void,
): Promise<void> {
  const signal = AbortSignal.any([out.signal, closing]);
  out.send(confirmationMessage(randomUUID()));
  for (let live = false; !signal.aborted;) {
    const seen = commits.count();
    if (!(await sendPage())) {
      await nextTurn();
      continue;
    }
    if (!live) {
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

/** Sends an event. False when the reader is behind: a promise for every event would cost more than the event. */
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

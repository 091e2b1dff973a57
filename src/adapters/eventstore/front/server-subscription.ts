// A subscription to the log as EventStoreDB 23.10, 24.6 and 24.10 give it: pages of records, checkpoints at the starts of
// pages, the event that 23.10 skips, readers that are too slow, and another catch-up when many events come at once.
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { StoredEvent } from '../embedded/rows.ts';
import { CAUGHT_UP_MESSAGE, checkpointMessage, confirmationMessage } from './event-frames.ts';
import type { ReadPlan } from './read-request.ts';
import type { Place } from './read-start.ts';
import type { Reader } from './reader.ts';
import { Refusal, UNHANDLED } from './refusal.ts';
import { serverLog, type ServerLog } from './server-log.ts';
import type { ServerVersion } from './server-version.ts';
import { LIVE_BUFFER, roomWhileLive } from './slow-reader.ts';

type Plan = Extract<ReadPlan, { kind: 'subscribeToAll' }>;

const CHUNK = 128;
const START: Place = { commit: 0n, prepare: 0n };
/** The place of a reader that has seen nothing, as 24.6 sends it. */
const NOWHERE: Place = { commit: 2n ** 64n - 1n, prepare: 2n ** 64n - 1n };

/** @param send false when the reader is behind */
export async function subscribeAsServer(
  reader: Reader,
  plan: Plan,
  like: ServerVersion,
  send: (event: StoredEvent) => boolean,
): Promise<void> {
  const { rows, out } = reader;
  const { from } = plan;
  const log = serverLog(rows, reader.scavengedTo);
  const place = placeIn(plan);
  const isOld = like === '23.10';
  if (isOld && place !== undefined && !log.hasRecord(place)) {
    throw new Refusal(status.UNKNOWN, UNHANDLED);
  }
  out.send(confirmationMessage(randomUUID()));
  if (place !== undefined && !log.hasRecord(place)) throw invalidPosition();
  const head = rows.head();
  const isFromStart = place === undefined && from !== 'end';
  const next =
    place === undefined
      ? isFromStart
        ? 0n
        : head + 1n
      : isOld
        ? afterFirstVisible(log, place)
        : place.commit;
  const isBehind = isOld
    ? next <= head
    : isFromStart || (place !== undefined && isBefore(place, at(head)));
  await new Subscription(reader, plan, like, log, send, isBehind ? next : head + 1n).run(isBehind);
}

class Subscription {
  readonly #reader: Reader;
  readonly #plan: Plan;
  readonly #like: ServerVersion;
  readonly #log: ServerLog;
  readonly #send: (event: StoredEvent) => boolean;
  readonly #place: Place | undefined;
  readonly #window: number;
  readonly #multiplier: number;
  /** True once the reader has gone or the server closes. */
  readonly #isOver: () => boolean;
  /** The first position that was not looked at. */
  #next: bigint;
  /** Records since the subscription went live; in 23.10, since it began. */
  #considered = 0;
  #lastCheckpoint: Place | undefined;
  /** 24.6 sends no checkpoint any more after one that is nowhere. */
  #isMute = false;

  constructor(
    reader: Reader,
    plan: Plan,
    like: ServerVersion,
    log: ServerLog,
    send: (event: StoredEvent) => boolean,
    next: bigint,
  ) {
    this.#reader = reader;
    this.#plan = plan;
    this.#like = like;
    this.#log = log;
    this.#send = send;
    this.#next = next;
    this.#place = placeIn(plan);
    this.#window = plan.checkpoints?.window ?? CHUNK;
    this.#multiplier = plan.checkpoints?.multiplier ?? 1;
    this.#isOver = () => reader.out.signal.aborted || reader.closing.aborted;
  }

  async run(isBehind: boolean): Promise<void> {
    const { out } = this.#reader;
    const isOld = this.#like === '23.10';
    const place = this.#place;
    if (isBehind) {
      const start = place === undefined ? START : isOld ? undefined : place;
      await this.#catchUp(start, place ?? NOWHERE);
    }
    while (!this.#isOver()) {
      out.send(CAUGHT_UP_MESSAGE);
      if (!isOld) this.#considered = 0;
      await this.#stayLive();
      if (this.#isOver()) return;
      // More came at once than the buffer holds.
      if (this.#place !== undefined && !this.#log.hasRecord(this.#place)) throw invalidPosition();
      const wentLive = at(this.#next - 1n);
      if ((this.#lastCheckpoint?.commit ?? 0n) < wentLive.commit) this.#checkpoint(wentLive);
      await this.#catchUp(undefined, undefined);
    }
  }

  /**
   * Sends what is in the log, page by page.
   *
   * @param start what the checkpoint of the first page says when nothing in it matches; default: its first record
   * @param unsaid the place for 24.6 to send at the end when nothing else was sent
   */
  async #catchUp(start: Place | undefined, unsaid: Place | undefined): Promise<void> {
    let last = unsaid;
    let pageStart = start;
    let match: Place | undefined;
    let inPage = 0;
    for (let pages = 0; !this.#isOver();) {
      const { events, atEnd } = this.#log.records(this.#next, CHUNK);
      const sendable = new Set(this.#sendable(events));
      for (const event of events) {
        const place = at(BigInt(event.position));
        pageStart ??= { commit: place.commit, prepare: 0n };
        if (sendable.has(event)) {
          match = place;
          last = place;
          if (!this.#send(event)) await this.#reader.out.ready();
        }
        this.#advance([event]);
        inPage += 1;
        if (this.#like === '24.10') last = match ?? pageStart;
        if (inPage < this.#window) continue;
        pages += 1;
        if (pages % this.#multiplier === 0) {
          this.#checkpoint(match ?? pageStart);
          if (this.#like === '24.6') last = undefined;
        }
        inPage = 0;
        pageStart = undefined;
        match = undefined;
      }
      if (atEnd) break;
      await nextTurn();
    }
    if (this.#like === '23.10' || last === undefined) return;
    if (this.#lastCheckpoint !== undefined && !isBefore(this.#lastCheckpoint, last)) return;
    this.#checkpoint(last);
    this.#isMute ||= last.commit === NOWHERE.commit;
  }

  /** Follows the log until the reader leaves, or too many events have come at once. */
  async #stayLive(): Promise<void> {
    const { commits, out, closing } = this.#reader;
    const signal = AbortSignal.any([out.signal, closing]);
    for (let seen = -1; !this.#isOver();) {
      await commits.changed(seen, signal);
      seen = commits.count();
      for (let atEnd = false; !atEnd && !this.#isOver();) {
        const page = this.#log.records(this.#next, CHUNK * 4);
        if (this.#like !== '23.10' && this.#messagesIn(page.events) > LIVE_BUFFER) return;
        await this.#sendLive(page.events);
        ({ atEnd } = page);
      }
    }
  }

  async #sendLive(events: readonly StoredEvent[]): Promise<void> {
    const sendable = new Set(this.#sendable(events));
    for (const event of events) {
      const position = BigInt(event.position);
      if (sendable.has(event) && !this.#send(event)) {
        const { rows } = this.#reader;
        await roomWhileLive(
          this.#reader,
          (limit) => rows.all('forwards', position + 1n, limit).events.length,
        );
      }
      this.#advance([event]);
      const every = this.#window * this.#multiplier;
      if (this.#considered % every === 0 && !this.#isMute) this.#checkpoint(at(position));
    }
  }

  #messagesIn(events: readonly StoredEvent[]): number {
    const sent = this.#sendable(events).length;
    if (this.#plan.checkpoints === undefined || this.#isMute) return sent;
    const every = this.#window * this.#multiplier;
    return sent + Math.floor(((this.#considered % every) + events.length) / every);
  }

  /** 24.6 and 24.10 send nothing at or before the place that they were asked for. */
  #sendable(events: readonly StoredEvent[]): readonly StoredEvent[] {
    const passes = this.#plan.filter(events);
    const after = this.#like === '23.10' ? undefined : this.#place;
    return events.filter(
      (event, i) =>
        passes[i] === true &&
        !this.#log.isHidden(event) &&
        (after === undefined || isBefore(after, at(BigInt(event.position)))),
    );
  }

  #advance(events: readonly StoredEvent[]): void {
    const last = events.at(-1);
    if (last === undefined) return;
    this.#next = BigInt(last.position) + 1n;
    this.#considered += events.length;
  }

  #checkpoint(place: Place): void {
    if (this.#plan.checkpoints === undefined) return;
    this.#lastCheckpoint = place;
    this.#reader.out.send(checkpointMessage(place.commit, place.prepare));
  }
}

/** 23.10 reads one visible event at or behind the place, and goes on after it. */
function afterFirstVisible(log: ServerLog, place: Place): bigint {
  let from = place.commit;
  for (;;) {
    const { events, atEnd } = log.records(from, CHUNK);
    const found = events.find(
      (event) => !log.isHidden(event) && !isBefore(at(BigInt(event.position)), place),
    );
    if (found !== undefined) return BigInt(found.position) + 1n;
    const last = events.at(-1);
    from = BigInt(last?.position ?? from) + 1n;
    if (atEnd || last === undefined) return from;
  }
}

/** `undefined` for the start and the end. */
function placeIn({ from }: Plan): Place | undefined {
  return typeof from === 'string' || (from.commit === 0n && from.prepare === 0n) ? undefined : from;
}

function at(position: bigint): Place {
  return { commit: position, prepare: position };
}

function isBefore(one: Place, other: Place): boolean {
  return one.commit < other.commit || (one.commit === other.commit && one.prepare < other.prepare);
}

function invalidPosition(): Refusal {
  return new Refusal(status.INVALID_ARGUMENT, 'Trying to read from an invalid position.');
}

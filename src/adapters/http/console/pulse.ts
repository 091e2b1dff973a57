// Counts what happens per minute since this process has started, and tells open pages of new verdicts. Both look at the
// read model and the list of deliveries now and then, so they cost the projection nothing.
import type { Logger } from '../../../domain/ports/logger.ts';
import { SERIES, type Minute, type Series } from '../../../console/pages/now.ts';
import type { ListedRequest } from '../../../projections/audit/history/requests.ts';

export type Totals = Readonly<Record<Series, number>>;

type Sources = {
  /** Totals since the log's beginning; `undefined` while nothing can be read. */
  readonly totals: () => Promise<Totals | undefined>;
  /** The newest requests, newest first. */
  readonly newest: () => Promise<readonly ListedRequest[]>;
  readonly now: () => number;
  readonly logger: Logger;
};

const MINUTE_MS = 60_000;
const KEPT_MINUTES = 24 * 60;
const LOOK_EVERY_MS = 1_000;
/** Counting is cheaper to miss than the feed: a minute needs a few looks only. */
const COUNT_EVERY = 5;
const HEARTBEAT_EVERY = 15;
/** Each open page holds a connection. */
const MAX_LISTENERS = 100;

export type Pulse = Disposable & {
  readonly minutes: (count: number) => readonly Minute[];
  /** Server-sent events; `undefined` when too many pages are open. */
  readonly listen: () => ReadableStream<Uint8Array> | undefined;
};

export function createPulse({ totals, newest, now, logger }: Sources): Pulse {
  const counts = new Map<number, Record<Series, number>>();
  const listeners = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const encoder = new TextEncoder();
  let before: Totals | undefined;
  let last: bigint | undefined;
  let looks = 0;

  const send = (text: string): void => {
    for (const listener of listeners) {
      // A reader that does not read is dropped: its browser connects again.
      if ((listener.desiredSize ?? 0) <= -MAX_LISTENERS) drop(listener);
      else listener.enqueue(encoder.encode(text));
    }
  };
  const drop = (listener: ReadableStreamDefaultController<Uint8Array>): void => {
    listeners.delete(listener);
    listener.close();
  };
  const count = async (): Promise<void> => {
    const found = await totals();
    if (found === undefined) return;
    const minute = Math.floor(now() / MINUTE_MS) * MINUTE_MS;
    const own = counts.get(minute) ?? { published: 0, suppressed: 0, delivered: 0, failed: 0 };
    for (const series of SERIES) {
      own[series] += Math.max(0, found[series] - (before ?? found)[series]);
    }
    before = found;
    counts.set(minute, own);
    const [oldest] = counts.keys();
    if (counts.size > KEPT_MINUTES && oldest !== undefined) counts.delete(oldest);
  };
  const feed = async (): Promise<void> => {
    const requests = await newest();
    const from = last;
    const numbers = requests.map(numberOf);
    last = numbers.reduce((most, number) => (number > most ? number : most), from ?? -1n);
    // The first look only finds where the list ends.
    if (from === undefined) return;
    const fresh = requests.filter((request) => numberOf(request) > from).toReversed();
    for (const request of fresh) send(`data: ${JSON.stringify(lineOf(request, now()))}\n\n`);
  };
  const look = async (): Promise<void> => {
    const turn = looks;
    looks += 1;
    if (turn % COUNT_EVERY === 0) await count();
    if (listeners.size === 0) return;
    await feed();
    if (turn % HEARTBEAT_EVERY === 0) send(': still here\n\n');
  };
  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    look()
      .catch((error: unknown) => {
        logger.debug({ err: error }, 'the console could not look at the read model');
      })
      .finally(() => {
        isLooking = false;
      });
  }, LOOK_EVERY_MS).unref();

  return {
    minutes(wanted) {
      const end = Math.floor(now() / MINUTE_MS) * MINUTE_MS;
      return Array.from({ length: wanted }, (_, n) => {
        const at = end - (wanted - 1 - n) * MINUTE_MS;
        const { published = 0, suppressed = 0, delivered = 0, failed = 0 } = counts.get(at) ?? {};
        return { at, published, suppressed, delivered, failed };
      });
    },
    listen() {
      if (listeners.size >= MAX_LISTENERS) return undefined;
      if (listeners.size === 0) last = undefined;
      let own: ReadableStreamDefaultController<Uint8Array> | undefined;
      return new ReadableStream({
        start(controller) {
          own = controller;
          listeners.add(controller);
          controller.enqueue(encoder.encode('retry: 2000\n\n'));
        },
        cancel() {
          if (own !== undefined) listeners.delete(own);
        },
      });
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      for (const listener of listeners) drop(listener);
    },
  };
}

function numberOf({ place }: ListedRequest): bigint {
  return BigInt(place.split('-')[0] ?? '0');
}

function lineOf(request: ListedRequest, now: number): object {
  const { triggerId: id, userId, triggerType, verdict, reason } = request;
  const at = request.recordedAt ?? new Date(now).toISOString();
  return { at, id, text: `${verdict} (${reason}) · ${userId ?? '–'} · ${triggerType ?? '–'}` };
}

// Tells open pages of new verdicts. It looks at the read model now and then, so it costs the projection nothing.
import type { Logger } from '../../../domain/ports/logger.ts';
import type { ListedRequest } from '../../../projections/audit/history/requests.ts';

type Sources = {
  /** The newest requests, newest first. */
  readonly newest: () => Promise<readonly ListedRequest[]>;
  readonly now: () => number;
  readonly logger: Logger;
};

const LOOK_EVERY_MS = 1_000;
const HEARTBEAT_EVERY = 15;
/** Each open page holds a connection. */
const MAX_LISTENERS = 100;

export type Pulse = Disposable & {
  /** Server-sent events; `undefined` when too many pages are open. */
  readonly listen: () => ReadableStream<Uint8Array> | undefined;
};

export function createPulse({ newest, now, logger }: Sources): Pulse {
  const listeners = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const encoder = new TextEncoder();
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

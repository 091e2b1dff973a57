// Reads a JetStream pull consumer: requests batches, receives messages, and fails when the server falls silent.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg } from 'nats';
import { wakeSignal } from '../../domain/core/wake-signal.ts';
import type { Connection } from './connection.ts';
import { unavailable } from './failures.ts';

/** The API's durations are in nanoseconds. */
export const nanosPerMs = 1_000_000;

/** Without a message or a heartbeat for this long, the server counts as gone. */
const silenceMs = 15_000;

/** The server sends a heartbeat to a follower after this much silence. */
export const heartbeatMs = 5_000;

const retryMs = 1_000;

export const pageMessages = 128;

export type Pull = {
  readonly stream: string;
  readonly consumer: string;
  /** The subject to which the messages come. */
  readonly inbox: string;
  /** Messages per request. */
  readonly batch: number;
  /** Requests the next batch when fewer messages than this are due; default 1. */
  readonly refillBelow?: number;
  /** How long the server keeps a request, in milliseconds. */
  readonly expiresMs: number;
  /** The server sends a heartbeat after this much silence; none when absent. */
  readonly heartbeatMs?: number;
  /** Runs before each request. */
  readonly beforeRequest?: () => Promise<unknown>;
};

/**
 * Pages of the messages that have arrived, in order, until the signal.
 *
 * @throws OutputError (`unavailable`) when the connection closes, the consumer ends or the server is silent
 */
export async function* pullMessages(
  { client }: Connection,
  pull: Pull,
  signal?: AbortSignal,
): AsyncGenerator<readonly Msg[], void, undefined> {
  const { inbox, batch, refillBelow = 1, beforeRequest } = pull;
  const subject = `$JS.API.CONSUMER.MSG.NEXT.${pull.stream}.${pull.consumer}`;
  const request = JSON.stringify({
    batch,
    expires: pull.expiresMs * nanosPerMs,
    ...(pull.heartbeatMs === undefined ? {} : { idle_heartbeat: pull.heartbeatMs * nanosPerMs }),
  });
  // The client throws errors of its own on a closed connection.
  if (client.isClosed()) throw unavailable('the connection closed');
  // Their number is bounded, since the server sends only requested messages.
  const arrivals: Msg[] = [];
  let ended = false;
  const changed = wakeSignal();
  const end = (): void => {
    ended = true;
    changed.wake();
  };
  const isSilent = async (): Promise<boolean> => {
    const timer = setTimeout(end, silenceMs);
    while (arrivals.length === 0 && !ended) await changed.next();
    clearTimeout(timer);
    return arrivals.length === 0;
  };
  signal?.addEventListener('abort', end, { once: true });
  client.closed().then(end, end);
  const subscription = client.subscribe(inbox, {
    callback: (error, message) => {
      if (error !== null) ended = true;
      else arrivals.push(message);
      changed.wake();
    },
  });
  try {
    for (let due = 0; ;) {
      if (due < refillBelow) {
        await beforeRequest?.();
        if (signal?.aborted === true) return;
        if (client.isClosed()) throw unavailable('the connection closed');
        client.publish(subject, request, { reply: inbox });
        due += batch;
      }
      const silent = await isSilent();
      if (signal?.aborted === true) return;
      if (silent) throw unavailable('the server sends nothing any more');
      const arrived = arrivals.splice(0, pageMessages);
      const messages = arrived.filter(isDelivery);
      due -= messages.length;
      if (messages.length > 0) yield messages;
      for (const message of arrived) if (!isDelivery(message)) due = dueAfterStatus(message, due);
    }
  } finally {
    signal?.removeEventListener('abort', end);
    subscription.unsubscribe();
  }
}

/** A message of the stream has a reply subject for its ack; a status of the consumer has none. */
function isDelivery({ reply }: Msg): boolean {
  return reply !== undefined && reply !== '';
}

function dueAfterStatus({ headers }: Msg, due: number): number {
  const code = headers?.code;
  // 100 is a heartbeat. 404 and 408 end a request that found no more messages in its time.
  if (code === 100) return due;
  if (code === 404 || code === 408) return 0;
  throw unavailable(`the consumer ended: ${headers?.status ?? 'no reason'}`);
}

type DeliveryNumbers = {
  readonly sequence: bigint;
  /** The number of the message among all of its consumer, from 1. */
  readonly delivered: number;
  /** How many messages the consumer has after it. */
  readonly pending: number;
};

/** `$JS.ACK[.domain.account].stream.consumer.deliveries.sequence.delivered.time.pending[.random]` */
export function deliveryNumbers(reply: string): DeliveryNumbers | undefined {
  const tokens = reply.split('.');
  const shift = tokens.length >= 11 ? 2 : 0;
  const [sequence = '', delivered = '', , pending = ''] = tokens.slice(5 + shift, 9 + shift);
  if (!/^[1-9]\d{0,15}$/.test(sequence) || !/^[1-9]\d{0,15}$/.test(delivered)) return undefined;
  const left = /^\d{1,15}$/.test(pending) ? Number(pending) : 0;
  return { sequence: BigInt(sequence), delivered: Number(delivered), pending: left };
}

/** Waits before the next attempt to find the stream or to connect. The signal ends the wait early. */
export async function pause(signal: AbortSignal | undefined): Promise<void> {
  await sleep(retryMs, undefined, { signal }).catch(() => undefined);
}

/** Headers by name; the first value of a repeated name counts. */
export function readHeaders(message: Msg): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const [name, [value = '']] of message.headers ?? []) headers.set(name, value);
  return headers;
}

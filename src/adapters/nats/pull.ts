// Asking a pull consumer, and what its messages say besides their data.
import type { Msg } from 'nats';
import type { Connection } from './connection.ts';
import { unavailable } from './failures.ts';
import { Inflow } from './inflow.ts';

/** The API's durations are in nanoseconds. */
export const nanosPerMs = 1_000_000;

/**
 * What comes to `inbox`, until the signal, an error or the connection's end.
 *
 * @throws OutputError (`unavailable`) when the connection is closed already
 */
export function listen(
  { client }: Connection,
  inbox: string,
  signal: AbortSignal | undefined,
): Inflow<Msg> {
  if (client.isClosed()) throw unavailable('the connection closed');
  const inflow = new Inflow<Msg>(signal);
  const closed = (): void => {
    inflow.end();
  };
  client.closed().then(closed, closed);
  client.subscribe(inbox, {
    callback: (error, message) => {
      if (error === null) inflow.push(message);
      else inflow.end();
    },
  });
  return inflow;
}

/** How much is asked for, how long the server keeps it in mind, and how often it says that it does. */
export type Pull = {
  readonly batch: number;
  readonly expiresMs: number;
  readonly heartbeatMs?: number;
};

/**
 * Asks a consumer for messages; they come to `inbox`.
 *
 * @throws OutputError (`unavailable`) when the connection is closed, where the client throws an error of its own
 */
export function askForMessages(
  { client }: Connection,
  { stream, consumer, inbox }: Readonly<Record<'stream' | 'consumer' | 'inbox', string>>,
  { batch, expiresMs, heartbeatMs }: Pull,
): void {
  if (client.isClosed()) throw unavailable('the connection closed');
  const pull = {
    batch,
    expires: expiresMs * nanosPerMs,
    ...(heartbeatMs === undefined ? {} : { idle_heartbeat: heartbeatMs * nanosPerMs }),
  };
  const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
  client.publish(subject, JSON.stringify(pull), { reply: inbox });
}

/** How many messages are due after a status: none, when it ended the pull. */
export function afterStatus({ headers }: Msg, due: number): number {
  const code = headers?.code;
  if (code === 100) return due;
  // 404 and 408: nothing there within the pull's time. The rest says that the consumer is gone.
  if (code === 404 || code === 408) return 0;
  throw unavailable(`the consumer ended: ${headers?.status ?? 'no reason'}`);
}

/** `$JS.ACK[.domain.account].stream.consumer.deliveries.sequence.delivered.time.pending[.random]` */
export function deliveryNumbers(reply: string):
  | {
      readonly sequence: bigint;
      /** The how-manieth message of its consumer, and how many there are behind it. */
      readonly delivered: number;
      readonly pending: number;
    }
  | undefined {
  const tokens = reply.split('.');
  const shift = tokens.length >= 11 ? 2 : 0;
  const [sequence = '', delivered = '', , pending = ''] = tokens.slice(5 + shift, 9 + shift);
  if (!/^[1-9]\d{0,15}$/.test(sequence) || !/^[1-9]\d{0,15}$/.test(delivered)) return undefined;
  const left = /^\d{1,15}$/.test(pending) ? Number(pending) : 0;
  return { sequence: BigInt(sequence), delivered: Number(delivered), pending: left };
}

/** Headers by name; of repeated ones the first counts. */
export function readHeaders(message: Msg): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const [name, [value = '']] of message.headers ?? []) headers.set(name, value);
  return headers;
}

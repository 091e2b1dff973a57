// What a pull consumer's messages say besides their data.
import type { Msg } from 'nats';
import { unavailable } from './failures.ts';

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

// Reads the output stream in batches, for an audit that compares it with the log. It cannot publish.
import { z } from 'zod';
import { SIGNATURE_HEADER } from '../../projections/message-signature.ts';
import type { StoredMessage, OutputMessage } from '../../projections/output.ts';
import type { MessageReader } from '../../projections/audit/reading/ports.ts';
import { apiRequest, closeConnection, findStream, openJetStream } from './connection.ts';
import type { Connection } from './connection.ts';
import { unavailable } from './failures.ts';
import type { JetStreamOutputOptions } from './output.ts';
import { describeStream, planStream } from './stream.ts';
import { deliveryNumbers, pageMessages, pullMessages, type Pull, readHeaders } from './pull.ts';
import { createReadingConsumer } from './watch.ts';
import type { Msg } from 'nats';
import { decodeHeaders, headerLines } from './wire.ts';

/** The next batch is requested before the last one is read, so that the reader does not wait for it. */
const request = { batch: 512, refillBelow: 256, expiresMs: 30_000 } as const;
/** A reader may be busy with the log for this long between two messages. */
const consumerIdleMs = 60 * 60_000;

/**
 * Opens the output stream for reading.
 *
 * @throws OutputError (`unavailable`) when the server cannot be reached, TocsinError when trying again cannot help
 */
export async function jetStreamReader(
  options: Omit<JetStreamOutputOptions, 'replicas' | 'stallAfterMs'>,
): Promise<MessageReader & AsyncDisposable> {
  const plan = planStream(options);
  const connection = await openJetStream(options);
  return {
    async info() {
      const found = await findStream(connection, plan.stream);
      return found && describeStream(plan, found, connection.client.info?.version ?? '');
    },
    messages: (from, to) => batches(connection, plan.stream, from, to),
    [Symbol.asyncDispose]: () => closeConnection(connection),
  };
}

async function* batches(
  connection: Connection,
  stream: string,
  from: bigint,
  to: bigint,
): AsyncGenerator<readonly StoredMessage[], void, undefined> {
  if (from > to) return;
  const created = await createReadingConsumer(connection, stream, from, consumerIdleMs);
  const { name: consumer, num_pending: held } = created;
  // All messages of the range are deleted: none will come.
  if (held === 0) return;
  // Every read has its own inbox: two may run at once, and requests of a read that was left still bring messages.
  const inbox = `${connection.inbox}.${consumer}`;
  const pull: Pull = { stream, consumer, inbox, ...request };
  let [batch, delivered]: [StoredMessage[], number] = [[], 0];
  try {
    for await (const messages of pullMessages(connection, pull)) {
      for (const message of messages) {
        const numbers = deliveryNumbers(message.reply ?? '');
        delivered += 1;
        if (numbers?.delivered !== delivered) {
          throw unavailable(`reading the stream ${stream} ended: a message was skipped`);
        }
        const { sequence, pending } = numbers;
        if (sequence <= to) batch.push(storedMessage(message, sequence));
        const isLast = sequence >= to || pending === 0;
        if (batch.length > 0 && (isLast || batch.length === pageMessages)) {
          yield batch;
          batch = [];
        }
        if (isLast) return;
      }
    }
  } finally {
    const path = `CONSUMER.DELETE.${stream}.${consumer}`;
    // A server that does not answer deletes the consumer later by itself; the first error is the one to report.
    await apiRequest(connection, path, undefined, z.unknown()).catch(() => undefined);
  }
}

/** The message at a sequence; its headers are decoded at the first access. @internal */
export function storedMessage(message: Msg, sequence: bigint): StoredMessage {
  return new ReceivedMessage(message, sequence);
}

/** The signature and the headers for the server, which follow those of the message, up to the end of the block. */
const ADDED_HEADERS = new RegExp(
  `^(?:${SIGNATURE_HEADER}: [0-9a-f:]*\\r\\n)?(?:Nats-Expected-(?:Stream|Last-Sequence): [\\w-]*\\r\\n)*\\r\\n$`,
);

/** Buffer for expected headers; longer headers are compared one by one. */
const scratch = Buffer.alloc(16 * 1024);

class ReceivedMessage implements StoredMessage {
  readonly sequence: bigint;
  readonly #message: Msg;
  #headers: ReadonlyMap<string, string> | undefined;

  constructor(message: Msg, sequence: bigint) {
    this.#message = message;
    this.sequence = sequence;
  }

  get subject(): string {
    return this.#message.subject;
  }

  get data(): Uint8Array {
    return this.#message.data;
  }

  get headers(): ReadonlyMap<string, string> {
    return (this.#headers ??= headersOf(this.#message));
  }

  /** True for the same subject, headers in this order, and data; false also where only the order differs. */
  is({ subject, headers, data }: OutputMessage): boolean {
    if (subject !== this.#message.subject) return false;
    const block = headerBlock(this.#message);
    const expected = headerLines(headers);
    if (block === undefined || expected.length > scratch.length) return false;
    const end = scratch.write(expected, 'latin1');
    if (end >= block.length || block.compare(scratch, 0, end, 0, end) !== 0) return false;
    if (!ADDED_HEADERS.test(block.toString('latin1', end))) return false;
    return Buffer.compare(data, this.#message.data) === 0;
  }
}

/** The client's header class takes five times as long as reading its bytes. */
function headersOf(message: Msg): ReadonlyMap<string, string> {
  const block = headerBlock(message);
  return block === undefined ? readHeaders(message) : decodeHeaders(block.toString('latin1'));
}

/** The header block in the client's buffer; `undefined` when the client's private fields have changed. */
function headerBlock(message: Msg): Buffer | undefined {
  if (!('_rdata' in message) || !('_msg' in message)) return undefined;
  const { _rdata: bytes, _msg: parts } = message;
  if (!(bytes instanceof Uint8Array)) return undefined;
  if (typeof parts !== 'object' || parts === null) return undefined;
  if (!('hdr' in parts) || typeof parts.hdr !== 'number' || parts.hdr <= 0) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, parts.hdr);
}

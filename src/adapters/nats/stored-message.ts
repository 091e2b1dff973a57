// A stored message that compares itself with an expected message by its bytes: an audit then decodes no headers.
import type { Msg } from 'nats';
import type { OutputMessage, StoredMessage } from '../../projections/output.ts';
import { readHeaders } from './pull.ts';
import { decodeHeaders, headerLines } from './wire.ts';

/** The message at a sequence; its headers are decoded at the first access. */
export function storedMessage(message: Msg, sequence: bigint): StoredMessage {
  return new ReceivedMessage(message, sequence);
}

/** The headers that the publisher adds for the server, up to the end of the block. */
const SERVER_HEADERS = /^(?:Nats-[^\r\n]*\r\n)*\r\n$/;

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
    if (!SERVER_HEADERS.test(block.toString('latin1', end))) return false;
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
  if (!(bytes instanceof Uint8Array) || typeof parts !== 'object' || parts === null)
    return undefined;
  if (!('hdr' in parts) || typeof parts.hdr !== 'number' || parts.hdr <= 0) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, parts.hdr);
}

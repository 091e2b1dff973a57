// A stored message as the client's bytes: for an audit, which has the message as it has to be and only
// asks whether this is it, nothing of it is ever taken apart.
import type { Msg } from 'nats';
import type { OutputMessage, StoredMessage } from '../../projections/output.ts';
import { readHeaders } from './pull.ts';
import { decodeHeaders, headerLines } from './wire.ts';

/** The message at a sequence; its headers are read when they are asked for. */
export function storedMessage(message: Msg, sequence: bigint): StoredMessage {
  return new ReceivedMessage(message, sequence);
}

/** What the publisher adds for the server, up to the end of the block. */
const SERVER_HEADERS = /^(?:Nats-[^\r\n]*\r\n)*\r\n$/;

/** Where expected headers are written before they are compared; longer ones are left to the parts. */
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

  /** These headers in this order, and none but the server's besides: what else is the same is left to the parts. */
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

/** The header block among the client's own bytes, where it has them as we know it. */
function headerBlock(message: Msg): Buffer | undefined {
  if (!('_rdata' in message) || !('_msg' in message)) return undefined;
  const { _rdata: bytes, _msg: parts } = message;
  if (!(bytes instanceof Uint8Array) || typeof parts !== 'object' || parts === null)
    return undefined;
  if (!('hdr' in parts) || typeof parts.hdr !== 'number' || parts.hdr <= 0) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, parts.hdr);
}

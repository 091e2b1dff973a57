// Encodes and decodes header blocks. The client's own header class takes longer than the server to store the message.
import type { MsgHdrs } from 'nats';
import type { OutputMessage } from '../../projections/output.ts';

const version = 'NATS/1.0\r\n';
const unprintable = /[^\x20-\x7e]/;
const badHeaderName = /[^\x21-\x39\x3b-\x7e]|^$/;
/** Valid names; the same few come with every message. Bounded, since callers choose them. */
const goodHeaderNames = new Set<string>();
const maxGoodHeaderNames = 1_000;
const badSubject = /[^\x21-\x7e]|[*>]|^$|^\.|\.$|\.\./;

/** Thrown for a message that no NATS server accepts. */
export class UnsendableMessage extends Error {
  override readonly name = 'UnsendableMessage';
}

/** A message's header block, with the lines `extra` at its end. @throws UnsendableMessage when it breaks the framing */
export function encodeHeaders(message: OutputMessage, extra: string): Uint8Array {
  if (badSubject.test(message.subject)) {
    throw new UnsendableMessage(`its subject ${JSON.stringify(message.subject)} is not a subject`);
  }
  let values = '';
  for (const [name, value] of message.headers) {
    if (!isHeaderName(name)) throw unprintableHeader(name);
    values += value;
  }
  // One test of all values costs less than a test of each.
  if (unprintable.test(values)) {
    const bad = message.headers.find(([, value]) => unprintable.test(value));
    throw unprintableHeader(bad?.[0] ?? '');
  }
  return Buffer.from(`${headerLines(message.headers)}${extra}\r\n`, 'latin1');
}

function unprintableHeader(name: string): UnsendableMessage {
  return new UnsendableMessage(`its header ${JSON.stringify(name)} is not printable ASCII`);
}

/** The lines of a header block from its first on, as {@link encodeHeaders} writes them. */
export function headerLines(lines: OutputMessage['headers']): string {
  let text = version;
  for (const [name, value] of lines) text += `${name}: ${value}\r\n`;
  return text;
}

function isHeaderName(name: string): boolean {
  if (goodHeaderNames.has(name)) return true;
  if (badHeaderName.test(name)) return false;
  if (goodHeaderNames.size < maxGoodHeaderNames) goodHeaderNames.add(name);
  return true;
}

/** Headers as bytes: one object serves all messages, since the client calls `encode` once, while it publishes. */
export type RawHeaders = { readonly headers: MsgHdrs; set(block: Uint8Array): void };
export function rawHeaders(base: MsgHdrs): RawHeaders {
  let current: Uint8Array = new Uint8Array(0);
  return {
    headers: Object.assign(base, { encode: () => current }),
    set: (block) => {
      current = block;
    },
  };
}

/**
 * A stored header block as names and values. The first value of a repeated name counts; another one has a name that no
 * header can have.
 */
export function decodeHeaders(block: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of block.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    if (colon < 1) continue;
    const name = line.slice(0, colon);
    found.set(found.has(name) ? `${name} (repeated)` : name, line.slice(colon + 1).trim());
  }
  return found;
}

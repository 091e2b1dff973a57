// Signs the messages that make a worker send a notification, with a key that projector and worker share. A client
// that can publish into the stream can compute every other part of a message.
import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { Output, OutputMessage, OutputSession } from './output.ts';

/** A key of 32 bytes, and the id by which a signature names it. */
export type MessageKey = { readonly id: string; readonly bytes: Uint8Array };

/** The first key signs; each of them verifies. */
export type MessageKeys = readonly [MessageKey, ...MessageKey[]];

/** The header with `KEY_ID:HMAC`, in hex. */
export const SIGNATURE_HEADER = 'Tocsin-Signature';

/** What names the request, and its place in the chain of messages. */
const SIGNED_HEADERS = [
  'ce-id',
  'Tocsin-Stream',
  'Tocsin-Revision',
  'Tocsin-Ordinal',
  'Tocsin-Digest',
] as const;

const REQUEST_TYPE = /^notification\.[a-z0-9_]+\.requested$/;

/** @param bytes 32 random bytes */
export function messageKey(bytes: Uint8Array): MessageKey {
  const id = hash('sha256', Buffer.concat([Buffer.from('tocsin message key'), bytes]));
  return { id: id.slice(0, 16), bytes };
}

/** Signs requests and leaves other messages as they are: no worker acts on them. */
export function signed(message: OutputMessage, key: MessageKey): OutputMessage {
  const headers = new Map(message.headers);
  if (!REQUEST_TYPE.test(headers.get('ce-type') ?? '')) return message;
  const signature = [SIGNATURE_HEADER, `${key.id}:${macOf(headers, key)}`] as const;
  return { ...message, headers: [...message.headers, signature] };
}

/** True when one of the keys has signed these headers. */
export function isSigned(headers: ReadonlyMap<string, string>, keys: MessageKeys): boolean {
  const [id = '', mac = ''] = headers.get(SIGNATURE_HEADER)?.split(':') ?? [];
  const key = keys.find((each) => each.id === id);
  if (key === undefined) return false;
  const [given, own] = [Buffer.from(mac), Buffer.from(macOf(headers, key))];
  return given.length === own.length && timingSafeEqual(given, own);
}

/** An output whose sessions sign what they publish. */
export function signedOutput(output: Output, [key]: MessageKeys): Output {
  return {
    stream: output.stream,
    async connect(signal) {
      const session = await output.connect(signal);
      const signing: OutputSession = {
        info: () => session.info(),
        create: (description) => session.create(description),
        read: (sequence) => session.read(sequence),
        publish: (firstSequence, messages) =>
          session.publish(
            firstSequence,
            messages.map((message) => signed(message, key)),
          ),
        [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
      };
      return signing;
    },
  };
}

function macOf(headers: ReadonlyMap<string, string>, { bytes }: MessageKey): string {
  const content = SIGNED_HEADERS.map((name) => headers.get(name) ?? '').join('\n');
  return createHmac('sha256', bytes).update('tocsin message 1\n').update(content).digest('hex');
}

// UUIDv5 by Node's one-call hash: every message needs two, and the uuid package takes ten times as long.
import { hash } from 'node:crypto';
import { parse } from 'uuid';
import { messageKey, TOCSIN_NAMESPACE, uuidOfKey } from '../domain/core/ids.ts';

/** The namespace, followed by the key. */
const name = Buffer.alloc(1024);
name.set(parse(TOCSIN_NAMESPACE));
const NAMESPACE_BYTES = 16;
/** The most UTF-8 bytes of one UTF-16 unit. */
const BYTES_PER_UNIT = 3;

export function quickUuidOfKey(key: string): string {
  if (key.length * BYTES_PER_UNIT > name.length - NAMESPACE_BYTES) return uuidOfKey(key);
  const end = NAMESPACE_BYTES + name.write(key, NAMESPACE_BYTES);
  const hex = hash('sha1', name.subarray(0, end), 'hex');
  const variant = VARIANTS[hex.charCodeAt(16)] ?? '';
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The variant digit by the character code of the hashed digit: its upper bits are 10. */
const VARIANTS: Readonly<Record<number, string>> = Object.fromEntries(
  Array.from({ length: 16 }, (_, digit) => [
    digit.toString(16).charCodeAt(0),
    ((digit & 0b11) | 0b1000).toString(16),
  ]),
);

export function quickMessageId(sourceEventId: string, rule: string): string {
  return quickUuidOfKey(messageKey(sourceEventId, rule));
}

// Ids and stream names. Each has a test vector in test/domain/vectors.test.ts: a change makes existing
// logs unreadable.
import { parse as uuidToBytes, validate } from 'uuid';
import { joinKey } from './keys.ts';
import { paddedSize, sha1 } from './sha1.ts';
import type { UserId } from './identity.ts';

export const TOCSIN_NAMESPACE = '6f1c5a0e-3b52-5c7e-9d4a-7a2f4e0b8c11';

/** The namespace, followed by the key and room for the hash's padding. */
let name = new Uint8Array(1024);
name.set(uuidToBytes(TOCSIN_NAMESPACE));
const NAMESPACE_BYTES = 16;
const encoder = new TextEncoder();

/** The UUIDv5 of a key under Tocsin's namespace. */
export function uuidOfKey(key: string): string {
  // A UTF-16 unit has at most three bytes in UTF-8.
  const most = paddedSize(NAMESPACE_BYTES + key.length * 3);
  if (most > name.length) {
    const larger = new Uint8Array(2 * most);
    larger.set(name.subarray(0, NAMESPACE_BYTES));
    name = larger;
  }
  const { written } = encoder.encodeInto(key, name.subarray(NAMESPACE_BYTES));
  const [a = 0, b = 0, c = 0, d = 0] = sha1(name, NAMESPACE_BYTES + written);
  const [first, second] = [hexOf(a), hexOf((b & 0xffff_0fff) | 0x5000)];
  const [third, fourth] = [hexOf((c & 0x3fff_ffff) | 0x8000_0000), hexOf(d)];
  return `${first}-${second.slice(0, 4)}-${second.slice(4)}-${third.slice(0, 4)}-${third.slice(4)}${fourth}`;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hexOf(word: number): string {
  const [high = '', upper = ''] = [HEX[word >>> 24], HEX[(word >>> 16) & 0xff]];
  return `${high}${upper}${HEX[(word >>> 8) & 0xff] ?? ''}${HEX[word & 0xff] ?? ''}`;
}

/** The default name of a kernel; stream names start with it. */
export const DEFAULT_KERNEL_NAME = 'tocsin';

export type StreamCategory = 'trigger' | 'idempotency' | 'duejob' | 'channel' | 'notification';

/** UUIDv5 under Tocsin's namespace of a list of parts; different lists have different UUIDs. */
export function uuidOf(...parts: readonly string[]): string {
  return uuidOfKey(joinKey(...parts));
}

/**
 * The user's share of 256, as two hex digits: the first byte of the user's UUIDv5.
 *
 * @param toUuid computes the same UUIDs, for instance faster
 */
export function userShare(user: UserId, toUuid: (key: string) => string = uuidOfKey): string {
  // Calls for one user come in a row, so the last share is kept.
  if (lastShare?.user !== user) lastShare = { user, share: toUuid(user).slice(0, 2) };
  return lastShare.share;
}

let lastShare: { readonly user: UserId; readonly share: string } | undefined;

/** The name of a user's stream: `{kernel}.{category}-{pp}-{uuid of the scope key}`. */
export function userStream(
  kernel: string,
  category: StreamCategory,
  user: UserId,
  scopeKey: string,
): string {
  return `${kernel}.${category}-${userShare(user)}-${uuidOfKey(scopeKey)}`;
}

/** The stream with everything that a replay needs besides the users' streams. */
export function controlStream(kernel: string): string {
  return `${kernel}.control`;
}

/** True for the control stream of any kernel: no other stream's name has this end. */
export function isControlStream(stream: string): boolean {
  return stream.endsWith('.control');
}

/**
 * The records of copies of the `n`th log that the kernel's log comes from, oldest log first. Each log has a stream of
 * its own, so that a later run of any copy can append after the runs before it.
 */
export function copiedStream(kernel: string, n: number): string {
  return `${kernel}.copied-${n}`;
}

/** True for {@link copiedStream} of any kernel: no other stream's name has this end. */
export function isCopiedStream(stream: string): boolean {
  return /\.copied-\d+$/.test(stream);
}

/** The prefix of all streams of a category, for a server-side filter. */
export function categoryPrefix(kernel: string, category: StreamCategory): string {
  return `${kernel}.${category}-`;
}

/** Event id. Retries of one command on one stream get the same ids. */
export function eventId(commandId: string, stream: string, index: number): string {
  return uuidOf('event', commandId, stream, String(index));
}

/** Id (`ce-id`, `notification_id`) of the message that `rule` makes of a source event. */
export function messageId(sourceEventId: string, rule: string): string {
  return uuidOfKey(messageKey(sourceEventId, rule));
}

export function messageKey(sourceEventId: string, rule: string): string {
  return joinKey('message', sourceEventId, rule);
}

/** Command id of a request with an idempotency key; equal requests have equal command ids. */
export function keyedCommandId(
  user: UserId,
  triggerType: string,
  key: string,
  requestHash: string,
): string {
  return uuidOf('command', user, triggerType, key, requestHash);
}

/** `ast_{pp}{32 hex of the stream's uuid}_{occurrence}`; the same tail for previews. */
export function occurrenceId(prefix: 'ast' | 'asp', stream: string, occurrence: number): string {
  // The ids of one stream come in a row, so the last tail is kept.
  if (lastTail?.stream !== stream) lastTail = { stream, tail: tailOf(stream) };
  return `${prefix}_${lastTail.tail}_${occurrence}`;
}

let lastTail: { readonly stream: string; readonly tail: string } | undefined;

function tailOf(stream: string): string {
  const match = /-([0-9a-f]{2})-([0-9a-f-]{36})$/.exec(stream);
  if (match === null) throw new RangeError(`not a user's stream: ${stream}`);
  return `${match[1] ?? ''}${(match[2] ?? '').replaceAll('-', '')}`;
}

/** The stream and occurrence of an `ast_` or `asp_` id; `undefined` for other text. */
export function parseOccurrenceId(
  kernel: string,
  id: string,
): { readonly stream: string; readonly occurrence: number } | undefined {
  const match =
    /^as[tp]_([0-9a-f]{2})([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})_([1-9][0-9]{0,8})$/.exec(
      id,
    );
  if (match === null) return undefined;
  const [, share, a, b, c, d, e, occurrence] = match;
  const stream = `${categoryPrefix(kernel, 'trigger')}${share}-${a}-${b}-${c}-${d}-${e}`;
  return { stream, occurrence: Number(occurrence) };
}

export function isUuid(text: string): boolean {
  return validate(text);
}

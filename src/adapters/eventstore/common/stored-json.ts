// The data and the metadata of events as they are stored.
import { isUtf8 } from 'node:buffer';
import { parseJsonText, type Json } from '../../../domain/core/json.ts';
import type { Unreadable } from '../../../domain/core/recorded-event.ts';

/** The JSON; its bytes when it is no JSON, since any client may write to a server. */
export function jsonOf(bytes: Buffer): Json | Unreadable {
  const text = bytes.toString('utf8');
  // Bytes that are not UTF-8 decode to this character, but UTF-8 text may hold it as well.
  if (text.includes('\uFFFD') && !isUtf8(bytes)) return unreadable(bytes);
  try {
    return parseJsonText(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return unreadable(bytes);
  }
}

/** A copy: the bytes are part of a whole record or answer. */
export function unreadable(bytes: Uint8Array): Unreadable {
  return { unreadable: new Uint8Array(bytes) };
}

// The content lines of an iCalendar stream (RFC 5545, 3.1), from bytes: a fold may lie within a character.
import { isUtf8 } from 'node:buffer';

export type ContentLine = { readonly line: number; readonly name: string; readonly text: string };

/** Longer properties are attachments; they are not read. */
const MAX_LINE_BYTES = 64 * 1024;
/** So many bytes are read between two pauses. */
const PAUSE_BYTES = 64 * 1024;
/** Before the LF of one line end. */
const MAX_CRS = 3;
const [LF, CR, SPACE, TAB] = [10, 13, 32, 9];

/** The bytes as UTF-8, without a byte order mark. Yields between parts of the work. */
export function* utf8Bytes(bytes: Buffer): Generator<undefined, Buffer, undefined> {
  const [first, second, third] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) return bytes.subarray(3);
  const isLittle = first === 0xff && second === 0xfe;
  if (!isLittle && !(first === 0xfe && second === 0xff)) return bytes;
  const decoder = new TextDecoder(isLittle ? 'utf-16le' : 'utf-16be');
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += PAUSE_BYTES) {
    const stream = at + PAUSE_BYTES < bytes.length;
    parts.push(Buffer.from(decoder.decode(bytes.subarray(at, at + PAUSE_BYTES), { stream })));
    yield;
  }
  return Buffer.concat(parts);
}

/** Unfolds: a line that begins with a space or a tab continues the line before it. Yields `undefined` as a pause. */
export function* contentLines(bytes: Buffer): Generator<ContentLine | undefined, void, undefined> {
  let parts: Buffer[] = [];
  let length = 0;
  let began = 1;
  let line = 0;
  let nextPause = PAUSE_BYTES;
  for (let at = 0; at < bytes.length;) {
    const begin = at;
    for (; at < bytes.length && bytes[at] !== LF && bytes[at] !== CR; at += 1) {
      if (at < nextPause) continue;
      nextPause = at + PAUSE_BYTES;
      yield undefined;
    }
    const end = at;
    at = afterLineEnd(bytes, at);
    line += 1;
    if (bytes[begin] === SPACE || bytes[begin] === TAB) {
      length += end - begin - 1;
      if (length <= MAX_LINE_BYTES && end > begin + 1) parts.push(bytes.subarray(begin + 1, end));
    } else {
      yield lineOfParts(parts, length, began);
      parts = end === begin ? [] : [bytes.subarray(begin, Math.min(end, begin + MAX_LINE_BYTES))];
      length = end - begin;
      began = line;
    }
  }
  yield lineOfParts(parts, length, began);
}

/** CR LF, LF or CR; also CR CR LF, which programs write that translate line ends twice. */
function afterLineEnd(bytes: Buffer, end: number): number {
  let at = end;
  while (bytes[at] === CR && at < end + MAX_CRS) at += 1;
  return bytes[at] === LF ? at + 1 : end + 1;
}

function lineOfParts(
  parts: readonly Buffer[],
  length: number,
  line: number,
): ContentLine | undefined {
  const [first] = parts;
  if (first === undefined) return undefined;
  const whole = decode(parts.length === 1 ? first : Buffer.concat(parts));
  const name = /^[A-Za-z0-9-]+/.exec(whole)?.[0].toUpperCase();
  // A line that is too long is not cut: its value would be wrong. It counts as no property.
  if (name !== undefined && length <= MAX_LINE_BYTES) return { line, name, text: whole };
  return whole.trim() === '' ? undefined : { line, name: '', text: whole.slice(0, 80) };
}

/** UTF-8; other bytes are Latin-1, which old programs write. */
function decode(bytes: Buffer): string {
  return bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1');
}

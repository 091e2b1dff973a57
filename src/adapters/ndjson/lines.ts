// Reads NDJSON line by line with bounded memory. A bad line becomes a fault, and the lines around it are read.
import { isUtf8, type Buffer } from 'node:buffer';
import { jsonFault, parseJson, type Json } from '../../domain/core/json.ts';
import { repeatedKey } from '../../domain/core/repeated-key.ts';
import { printable } from '../../domain/core/text.ts';
import { jsonBreak } from './json-break.ts';
import { createSplitter, type RawLine } from './splitter.ts';

/** The default limit of a line in bytes; trigger lines are far shorter. */
export const MAX_LINE_BYTES = 256 * 1024;

/** The most lines of a page, which bounds the objects made from one large chunk. */
const PAGE_LINES = 512;

/** Characters of a broken line that its message may show. */
const SHOWN_BEFORE = 12;
const SHOWN_AFTER = 20;

/** One line that is not blank; `line` counts from 1 and counts blank lines too. */
export type Line = { readonly line: number } & (
  | { readonly kind: 'json'; readonly value: Json }
  | {
      readonly kind: 'fault';
      readonly code: 'broken_json' | 'invalid_utf8' | 'line_too_long' | 'nul_byte';
      /** Completes "line 12 …"; shows at most 32 characters of the line, as printable ASCII. */
      readonly message: string;
    }
);

/**
 * Reads NDJSON. Lines end in LF or CRLF, or with the source; a byte order mark and blank lines are skipped.
 *
 * @param options.maxLineBytes a longer line (without its LF) is a fault, and is skipped unbuffered
 * @returns pages of lines; a page is at most what one chunk completed
 */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  { maxLineBytes = MAX_LINE_BYTES }: { readonly maxLineBytes?: number } = {},
): AsyncGenerator<readonly Line[], void, undefined> {
  const splitter = createSplitter(maxLineBytes);
  for await (const chunk of source) yield* pages(splitter.push(chunk), maxLineBytes);
  yield* pages(splitter.end(), maxLineBytes);
}

function* pages(lines: Iterable<RawLine>, maxLineBytes: number): Generator<readonly Line[]> {
  let page: Line[] = [];
  for (const raw of lines) {
    const { line: number, bytes } = raw;
    const line = bytes === 'too_long' ? tooLong(number, maxLineBytes) : parse(number, bytes);
    if (line === undefined) continue;
    if (page.push(line) < PAGE_LINES) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

function parse(line: number, bytes: Buffer): Line | undefined {
  const start = line === 1 && hasUtf8Mark(bytes) ? 3 : 0;
  if (!isUtf8(bytes)) {
    const hint = line === 1 && hasUtf16Mark(bytes) ? '; it looks like UTF-16' : '';
    return fault(line, 'invalid_utf8', `is not UTF-8${hint}`);
  }
  const text = bytes.toString('utf8', start);
  const nul = text.indexOf('\u0000');
  if (nul >= 0) return fault(line, 'nul_byte', `has a NUL byte at column ${nul + 1}`);
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    // The parser refuses invalid JSON only.
    if (/^[ \t\r]*$/.test(text)) return undefined;
    return fault(line, 'broken_json', brokenAt(text, jsonBreak(text) ?? text.length));
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) {
    return fault(line, 'broken_json', `has the key ${printable(repeated)} twice`);
  }
  const reason = faultByField(value);
  return isChecked(value, reason) ? jsonLine(line, value) : fault(line, 'broken_json', reason);
}

/** As {@link jsonFault}, with the name of the field, if any. */
function faultByField(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return jsonFault(value) ?? '';
  }
  for (const [key, child] of Object.entries(value)) {
    const inKey = jsonFault(key);
    if (inKey !== undefined) return 'has a key with a NUL character or a lone surrogate';
    const inValue = jsonFault(child);
    if (inValue !== undefined) return `${printable(key)} ${inValue}`;
  }
  return '';
}

// The parser made the value, and an empty `reason` means that `jsonFault` accepts every part.
function isChecked(_value: unknown, reason: string): _value is Json {
  return reason === '';
}

function brokenAt(text: string, at: number): string {
  if (at >= text.length) return `is not JSON: it ends too early, at column ${at + 1}`;
  const shown = printable(text.slice(Math.max(0, at - SHOWN_BEFORE), at + SHOWN_AFTER));
  return `is not JSON: column ${at + 1}, near \`${shown}\``;
}

// One function makes all lines, so that they share one hidden class.
function jsonLine(line: number, value: Json): Line {
  return { line, kind: 'json', value };
}

function fault(
  line: number,
  code: Extract<Line, { kind: 'fault' }>['code'],
  message: string,
): Line {
  return { line, kind: 'fault', code, message };
}

function tooLong(line: number, maxLineBytes: number): Line {
  const size = maxLineBytes % 1024 === 0 ? `${maxLineBytes / 1024} KiB` : `${maxLineBytes} bytes`;
  return fault(line, 'line_too_long', `is longer than ${size} and was skipped`);
}

function hasUtf8Mark(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

function hasUtf16Mark(bytes: Buffer): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
}

// Writes protobuf messages by hand: small messages from pieces, and sizes and heads for encoders with one buffer.

export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
  return size;
}

/** Writes a varint and returns the offset after it. `value` is from 0 up to 2^53 - 1. */
export function writeVarint(target: Buffer, at: number, value: number): number {
  let next = at;
  let rest = value;
  for (; rest >= 128; next += 1) {
    target[next] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  target[next] = rest;
  return next + 1;
}

/** The size of a length-delimited field with `length` bytes in it; its number is below 16. */
export function delimitedSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** Writes a tag of one byte and a varint, and returns the offset after them. */
export function writeHead(target: Buffer, at: number, tag: number, value: number): number {
  target[at] = tag;
  return writeVarint(target, at + 1, value);
}

/** A varint field; a bigint is written as an unsigned number of 64 bits. */
export function numberField(field: number, value: number | bigint): Buffer {
  const bytes: number[] = [field * 8];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    bytes.push(rest > 0x7fn ? low | 0x80 : low);
    if (rest <= 0x7fn) return Buffer.from(bytes);
  }
}

/** A length-delimited field: text, bytes, or a message made of its fields. */
export function field(number: number, ...pieces: readonly (string | Uint8Array)[]): Buffer {
  const body = pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece));
  const length = body.reduce((sum, piece) => sum + piece.length, 0);
  const head = Buffer.alloc(1 + varintSize(length));
  writeHead(head, 0, number * 8 + 2, length);
  return Buffer.concat([head, ...body]);
}

/** The content type of JSON; all other data have another one. */
export const JSON_CONTENT = 'application/json';
/** The entry of a type, up to the length of the type. */
export const TYPE_KEY = Buffer.from('\n\u0004type\u0012', 'latin1');

/** The size of an entry of a type with `length` bytes. */
export function typeEntrySize(length: number): number {
  return TYPE_KEY.length + varintSize(length) + length;
}

/** The entries of the two content types as the field with this number. */
export function contentTypeEntries(number: number): {
  readonly json: Buffer;
  readonly bytes: Buffer;
} {
  const entry = (value: string): Buffer => field(number, field(1, 'content-type'), field(2, value));
  return { json: entry(JSON_CONTENT), bytes: entry('application/octet-stream') };
}

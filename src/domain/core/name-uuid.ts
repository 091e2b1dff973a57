// UUIDs of names (version 5, RFC 9562), computed here: every trigger takes a dozen of them, and by way of
// the package, which makes a hash object for each, they cost six times as much and were a tenth of an
// audit. The package says in the tests whether these are the same.

/** SHA-1 works on blocks of so many bytes; the last one ends with the length in eight. */
const BLOCK = 64;
const LENGTH_BYTES = 8;
const FIRST_CAPACITY = 1024;

const encoder = new TextEncoder();
/** A byte as it is written. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Names UUIDs in one namespace, given as its 16 bytes. */
export function uuidsIn(namespace: Uint8Array): (name: string) => string {
  let bytes = new Uint8Array(FIRST_CAPACITY);
  return (name) => {
    // A UTF-16 unit takes three bytes at most.
    const most = namespace.length + name.length * 3 + BLOCK + LENGTH_BYTES;
    if (bytes.length < most) bytes = new Uint8Array(most * 2);
    bytes.set(namespace);
    const { written } = encoder.encodeInto(name, bytes.subarray(namespace.length));
    return uuidOfHash(bytes, namespace.length + written);
  };
}

const words = new Int32Array(80);

/** A UUID of the SHA-1 of the first `length` bytes, which are padded in place. */
function uuidOfHash(bytes: Uint8Array, length: number): string {
  const end = Math.ceil((length + 1 + LENGTH_BYTES) / BLOCK) * BLOCK;
  bytes[length] = 0x80;
  bytes.fill(0, length + 1, end);
  const bits = length * 8;
  for (let at = 1; at <= 4; at += 1) bytes[end - at] = bits >>> (8 * (at - 1));
  let h0 = 0x67452301;
  let h1 = 0xefcdab89 | 0;
  let h2 = 0x98badcfe | 0;
  let h3 = 0x10325476;
  let h4 = 0xc3d2e1f0 | 0;
  for (let block = 0; block < end; block += BLOCK) {
    schedule(bytes, block);
    let a = h0;
    let b = h1;
    let c = h2;
    let d = h3;
    let e = h4;
    for (let i = 0; i < 20; i += 1) {
      const next =
        (((a << 5) | (a >>> 27)) + ((b & c) | (~b & d)) + 0x5a827999 + e + (words[i] ?? 0)) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    for (let i = 20; i < 40; i += 1) {
      const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + 0x6ed9eba1 + e + (words[i] ?? 0)) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    for (let i = 40; i < 60; i += 1) {
      const next =
        (((a << 5) | (a >>> 27)) +
          ((b & c) | (b & d) | (c & d)) +
          0x8f1bbcdc +
          e +
          (words[i] ?? 0)) |
        0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    for (let i = 60; i < 80; i += 1) {
      const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + 0xca62c1d6 + e + (words[i] ?? 0)) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    h0 = (h0 + a) | 0;
    h1 = (h1 + b) | 0;
    h2 = (h2 + c) | 0;
    h3 = (h3 + d) | 0;
    h4 = (h4 + e) | 0;
  }
  return uuidText(h0, h1, h2, h3);
}

/** The block's sixteen words, and the eighty that SHA-1 makes of them. */
function schedule(bytes: Uint8Array, block: number): void {
  for (let i = 0; i < 16; i += 1) {
    const at = block + 4 * i;
    words[i] =
      ((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0);
  }
  for (let i = 16; i < 80; i += 1) {
    const word =
      (words[i - 3] ?? 0) ^ (words[i - 8] ?? 0) ^ (words[i - 14] ?? 0) ^ (words[i - 16] ?? 0);
    words[i] = (word << 1) | (word >>> 31);
  }
}

/** The hash's first 128 bits, with version 5 and the variant in their places. */
function uuidText(a: number, b: number, c: number, d: number): string {
  const version = (b & 0xffff0fff) | 0x5000;
  const variant = (c & 0x3fffffff) | 0x80000000;
  return (
    `${half(a >>> 16)}${half(a)}-${half(version >>> 16)}-${half(version)}` +
    `-${half(variant >>> 16)}-${half(variant)}${half(d >>> 16)}${half(d)}`
  );
}

/** Sixteen bits as four hex digits. */
function half(bits: number): string {
  return (HEX[(bits >>> 8) & 0xff] ?? '') + (HEX[bits & 0xff] ?? '');
}

// Packs bytes by references to earlier bytes and to a dictionary that both sides know. The layout is that of an LZ4
// block: a byte with two lengths, the literal bytes, and the distance back in two bytes. It is own code because Node's
// compressors make a context for each call, which costs more than the work on a kilobyte.

const MIN_MATCH = 4;
const MAX_DISTANCE = 0xffff;
const TABLE_BITS = 13;
/** A length of this or more continues in the bytes that follow. */
const NIBBLE = 15;

export type Packer = {
  /** The packed bytes; they stay valid until the next call. */
  readonly pack: (content: Uint8Array) => Uint8Array;
  /** @throws RangeError when the bytes are damaged */
  readonly unpack: (packed: Uint8Array, size: number) => Buffer;
};

export function packer(dictionary: Uint8Array): Packer {
  // Place 0 means that nothing was seen, so the dictionary starts at 1.
  const begin = 1 + dictionary.length;
  let work = new Uint8Array(begin + 64 * 1024);
  work.set(dictionary, 1);
  let target = new Uint8Array(64 * 1024);
  const primed = new Uint32Array(1 << TABLE_BITS);
  for (let at = 1; at + MIN_MATCH <= begin; at += 1) primed[slotOf(work, at)] = at;
  const seen = new Uint32Array(primed.length);

  const pack = (content: Uint8Array): Uint8Array => {
    const end = begin + content.length;
    if (end > work.length) {
      const larger = new Uint8Array(end * 2);
      larger.set(work.subarray(0, begin));
      work = larger;
    }
    // Without a match, the lengths add a byte to 255 literals.
    const most = content.length + Math.ceil(content.length / 255) + 16;
    if (most > target.length) target = new Uint8Array(most * 2);
    work.set(content, begin);
    seen.set(primed);
    let [at, literals, to] = [begin, begin, 0];
    const last = end - MIN_MATCH;
    while (at <= last) {
      const slot = slotOf(work, at);
      const found = seen[slot] ?? 0;
      seen[slot] = at;
      if (found === 0 || at - found > MAX_DISTANCE || !sameStart(work, found, at)) {
        at += 1;
        continue;
      }
      let length = MIN_MATCH;
      while (at + length < end && work[found + length] === work[at + length]) length += 1;
      to = put(target, to, work.subarray(literals, at), length, at - found);
      // Later references may start in the middle of this one.
      const middle = at + (length >>> 1);
      if (middle <= last) seen[slotOf(work, middle)] = middle;
      at += length;
      literals = at;
    }
    to = put(target, to, work.subarray(literals, end), 0, 0);
    return target.subarray(0, to);
  };

  return { pack, unpack: unpacker(dictionary) };
}

function slotOf(bytes: Uint8Array, at: number): number {
  const four =
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24);
  return Math.imul(four, 0x9e37_79b1) >>> (32 - TABLE_BITS);
}

function sameStart(bytes: Uint8Array, a: number, b: number): boolean {
  return (
    bytes[a] === bytes[b] &&
    bytes[a + 1] === bytes[b + 1] &&
    bytes[a + 2] === bytes[b + 2] &&
    bytes[a + 3] === bytes[b + 3]
  );
}

/** Writes literals and a reference; a length of 0 ends the block without one. */
function put(
  target: Uint8Array,
  start: number,
  literals: Uint8Array,
  length: number,
  distance: number,
): number {
  let to = start + 1;
  const count = literals.length;
  const rest = length === 0 ? 0 : length - MIN_MATCH;
  target[start] = (Math.min(count, NIBBLE) << 4) | Math.min(rest, NIBBLE);
  if (count >= NIBBLE) to = putLength(target, to, count - NIBBLE);
  for (let i = 0; i < count; i += 1) target[to + i] = literals[i] ?? 0;
  to += count;
  if (length === 0) return to;
  target[to] = distance & 0xff;
  target[to + 1] = distance >>> 8;
  to += 2;
  return rest >= NIBBLE ? putLength(target, to, rest - NIBBLE) : to;
}

function putLength(target: Uint8Array, start: number, length: number): number {
  let to = start;
  let rest = length;
  for (; rest >= 255; rest -= 255) target[to++] = 255;
  target[to++] = rest;
  return to;
}

function unpacker(dictionary: Uint8Array): Packer['unpack'] {
  // References reach back into the dictionary, so the bytes are made behind it and copied.
  const begin = dictionary.length;
  const withDictionary = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    bytes.set(dictionary);
    return bytes;
  };
  const usual = withDictionary(begin + 64 * 1024);
  return (packed, size) => {
    // A byte of a length stands for 255 bytes at most.
    if (size > 255 * packed.length) throw damaged();
    const end = begin + size;
    const work = end > usual.length ? withDictionary(end) : usual;
    unpackInto(work, begin, end, packed);
    const out = allocate(size);
    out.set(work.subarray(begin, end));
    return out;
  };
}

/** A longer reference is copied by one call; a loop is faster for others. */
const LONG_MATCH = 32;

/** Fills the bytes between two places; those before them are there already. */
function unpackInto(out: Uint8Array, begin: number, end: number, packed: Uint8Array): void {
  const { length: size } = packed;
  let [at, to] = [0, begin];
  const lengthOf = (nibble: number): number => {
    let length = nibble;
    if (nibble < NIBBLE) return length;
    for (;;) {
      const more = packed[at++];
      if (more === undefined) throw damaged();
      length += more;
      if (more < 255) return length;
    }
  };
  while (at < size) {
    const token = packed[at++] ?? 0;
    const count = lengthOf(token >>> 4);
    const stop = at + count;
    if (stop > size || to + count > end) throw damaged();
    while (at < stop) out[to++] = packed[at++] ?? 0;
    if (at === size) break;
    const distance = (packed[at] ?? 0) | ((packed[at + 1] ?? 0) << 8);
    at += 2;
    const length = lengthOf(token & NIBBLE) + MIN_MATCH;
    if (distance === 0 || distance > to || to + length > end) throw damaged();
    let from = to - distance;
    const last = to + length;
    if (length >= LONG_MATCH && distance >= length) {
      out.copyWithin(to, from, from + length);
      to = last;
    } else while (to < last) out[to++] = out[from++] ?? 0;
  }
  if (to !== end) throw damaged();
}

const SLAB_BYTES = 64 * 1024;
let slab = Buffer.allocUnsafeSlow(0);
let slabUsed = 0;

/** A part of a larger buffer: one for each record would keep the garbage collector busy. */
function allocate(size: number): Buffer {
  if (size > SLAB_BYTES / 4) return Buffer.allocUnsafeSlow(size);
  if (slabUsed + size > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    slabUsed = 0;
  }
  slabUsed += size;
  return slab.subarray(slabUsed - size, slabUsed);
}

function damaged(): RangeError {
  return new RangeError('the packed bytes are damaged');
}

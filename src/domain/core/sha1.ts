// SHA-1 for name-based UUIDs. The domain may not import Node's SHA-1, and the `uuid` package needs more time for
// its call than for the hash of so few bytes.

const words = new Int32Array(80);
const BLOCK = 64;
/** The end of a block holds the length of the whole text. */
const LENGTH_BYTES = 8;

/** The five words of the digest of the first `size` bytes. The array has room for the padding after them. */
export function sha1(bytes: Uint8Array, size: number): readonly number[] {
  const end = paddedSize(size);
  bytes.fill(0, size, end);
  bytes[size] = 0x80;
  const bits = size * 8;
  for (let i = 0; i < 4; i += 1) bytes[end - 1 - i] = bits >>> (8 * i);
  const digest: Digest = [
    0x6745_2301,
    0xefcd_ab89 | 0,
    0x98ba_dcfe | 0,
    0x1032_5476,
    0xc3d2_e1f0 | 0,
  ];
  for (let at = 0; at < end; at += BLOCK) addBlock(digest, bytes, at);
  return digest;
}

export function paddedSize(size: number): number {
  return Math.ceil((size + 1 + LENGTH_BYTES) / BLOCK) * BLOCK;
}

type Digest = [number, number, number, number, number];

function addBlock(digest: Digest, bytes: Uint8Array, start: number): void {
  for (let i = 0; i < 16; i += 1) {
    const at = start + 4 * i;
    const [high, upper] = [bytes[at] ?? 0, bytes[at + 1] ?? 0];
    words[i] = (high << 24) | (upper << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  }
  for (let i = 16; i < 80; i += 1) {
    const mixed = word(i - 3) ^ word(i - 8) ^ word(i - 14) ^ word(i - 16);
    words[i] = (mixed << 1) | (mixed >>> 31);
  }
  let [a, b, c, d, e] = digest;
  for (let i = 0; i < 80; i += 1) {
    const mixed =
      i < 20 ? d ^ (b & (c ^ d)) : i < 40 || i >= 60 ? b ^ c ^ d : (b & c) | (d & (b | c));
    const constant =
      i < 20 ? 0x5a82_7999 : i < 40 ? 0x6ed9_eba1 : i < 60 ? 0x8f1b_bcdc : 0xca62_c1d6;
    const next = (((a << 5) | (a >>> 27)) + mixed + e + constant + word(i)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  digest[0] = (digest[0] + a) | 0;
  digest[1] = (digest[1] + b) | 0;
  digest[2] = (digest[2] + c) | 0;
  digest[3] = (digest[3] + d) | 0;
  digest[4] = (digest[4] + e) | 0;
}

function word(i: number): number {
  return words[i] ?? 0;
}

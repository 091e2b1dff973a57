// Joins keys from parts. Each part is percent-encoded and alternatives carry a tag, so that keys of
// different meaning are different, whatever characters the ids of a client have.

const encoder = new TextEncoder();

/** Encodes `%`, `:` and everything outside visible ASCII as upper-case percent escapes of UTF-8. */
export function encodeKeyPart(part: string): string {
  if (/^[!-$&-9;-~]*$/.test(part)) return part;
  return Array.from(encoder.encode(part), (byte) =>
    byte > 0x20 && byte < 0x7f && byte !== 0x25 && byte !== 0x3a
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('');
}

export function joinKey(...parts: readonly string[]): string {
  return parts.map(encodeKeyPart).join(':');
}

/** One tagged part, already encoded: `f=` feedback id, `k=` idempotency key, `t=` target, `s=` scope key. */
export function taggedKeyPart(tag: 'f' | 'k' | 't' | 's' | 'w' | 'm' | 'q', value: string): string {
  return `${tag}=${encodeKeyPart(value)}`;
}

// Reads protobuf messages by hand: the generated classes copy every byte several times. The bytes may be hostile.

/** Called for each field; `start` and `end` enclose a length-delimited value, `number` is a varint. */
export type FieldVisitor = {
  readonly bytes?: (field: number, start: number, end: number) => void;
  readonly number?: (field: number, value: bigint) => void;
};

/** Seven groups of seven bits. */
const MANY = 2 ** 49;

/** Thrown for bytes that are no protobuf message. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
}

/** Visits the fields between `start` and `end`, unknown ones too. @throws Error when the bytes are no message */
export function visitFields(
  buffer: Buffer,
  start: number,
  end: number,
  { bytes, number }: FieldVisitor,
): void {
  let at = start;
  /** A varint of at most 32 bits: a tag or a length. */
  const small = (): number => {
    let value = 0;
    for (let shift = 1; at < end; shift *= 128) {
      const byte = buffer[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * shift;
      if (value > 0xffff_ffff) break;
      if (byte < 0x80) return value;
    }
    throw new MalformedMessage('a number is cut off or too large');
  };
  const large = (): bigint => {
    let low = 0;
    // Doubles hold the first seven bytes and are much faster than bigints.
    for (let shift = 1; at < end && shift < MANY; shift *= 128) {
      const byte = buffer[at] ?? 0;
      at += 1;
      low += (byte & 0x7f) * shift;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 49n; at < end && shift < 70n; shift += 7n) {
      const byte = buffer[at] ?? 0;
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new MalformedMessage('a number is cut off or too large');
  };
  while (at < end) {
    const tag = small();
    const field = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0: {
        const value = large();
        number?.(field, value);
        break;
      }
      case 1:
        at += 8;
        break;
      case 2: {
        const length = small();
        const from = at;
        at += length;
        if (at > end) throw new MalformedMessage('a field is cut off');
        bytes?.(field, from, at);
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw new MalformedMessage('a field of unknown wire type');
    }
  }
  if (at !== end) throw new MalformedMessage('the message is cut off');
}

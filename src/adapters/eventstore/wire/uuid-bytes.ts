// The two forms that a UUID has on the wire: text, or two halves of 64 bits.
import { numberField, field } from './protobuf-writer.ts';
import { visitFields } from './protobuf-reader.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The UUID between two offsets in lower case; `undefined` when the bytes are no UUID. */
export function readUuid(buffer: Buffer, start: number, end: number): string | undefined {
  let text: string | undefined;
  visitFields(buffer, start, end, {
    bytes(number, from, to) {
      if (number === 2) text = buffer.toString('latin1', from, to).toLowerCase();
      if (number === 1) text = readHalves(buffer, from, to);
    },
  });
  if (text === undefined || UUID.test(text)) return text;
  return withDashes(text);
}

/** The other ways of writing a UUID that .NET reads: without dashes, or in brackets. */
function withDashes(text: string): string | undefined {
  const inner = /^\{(.+)\}$|^\((.+)\)$/.exec(text);
  const bare = inner?.[1] ?? inner?.[2];
  if (bare !== undefined) return UUID.test(bare) ? bare : undefined;
  return /^[0-9a-f]{32}$/.test(text) ? dashed(text) : undefined;
}

function readHalves(buffer: Buffer, start: number, end: number): string {
  let hex = ['0'.repeat(16), '0'.repeat(16)];
  visitFields(buffer, start, end, {
    number(number, value) {
      const half = value.toString(16).padStart(16, '0');
      hex = number === 1 ? [half, hex[1] ?? ''] : [hex[0] ?? '', half];
    },
  });
  return dashed(hex.join(''));
}

function dashed(hex: string): string {
  const cuts = [0, 8, 12, 16, 20, 32];
  return cuts
    .slice(1)
    .map((to, i) => hex.slice(cuts[i], to))
    .join('-');
}

/** The body of a UUID message in two halves, for clients that ask for this form. */
export function uuidHalves(id: string): Buffer {
  const hex = id.replaceAll('-', '');
  const most = BigInt(`0x${hex.slice(0, 16)}`);
  const least = BigInt(`0x${hex.slice(16)}`);
  return field(1, numberField(1, most), numberField(2, least));
}

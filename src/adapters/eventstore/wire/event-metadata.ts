// The entries of an event's metadata map as the protocol writes them: type and content type.
import { field, varintSize } from './protobuf-writer.ts';

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

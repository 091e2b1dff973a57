// Requests of the protocol, written by hand, because many of those in the recordings are not valid.
import { field, numberField } from '../../../src/adapters/eventstore/wire/protobuf-writer.ts';
import { visitFields } from '../../../src/adapters/eventstore/wire/protobuf-reader.ts';

export type Expected = 'any' | 'no_stream' | 'stream_exists' | bigint | undefined;
export type Name = string | Uint8Array | undefined;

export const uuidText = (id: string): Buffer => field(2, id);

/** The message of a UUID in two halves. */
export function uuidStructured(id: string): Buffer {
  const hex = id.replaceAll('-', '');
  return field(
    1,
    numberField(1, BigInt(`0x${hex.slice(0, 16)}`)),
    numberField(2, BigInt(`0x${hex.slice(16)}`)),
  );
}

export type WireEvent = {
  /** The UUID message; `undefined` leaves it out. */
  readonly id?: Buffer | undefined;
  readonly type?: string | Uint8Array | undefined;
  readonly contentType?: string | undefined;
  readonly data?: string | Uint8Array;
  readonly metadata?: string | Uint8Array;
};

export function anEvent(extra: WireEvent = {}): WireEvent {
  return {
    id: uuidText(crypto.randomUUID()),
    type: 'T',
    contentType: 'application/json',
    data: '{}',
    ...extra,
  };
}

function encodeEvent({ id, type, contentType, data = '', metadata = '' }: WireEvent): Buffer[] {
  const entry = (key: string, value: string | Uint8Array): Buffer =>
    field(2, field(1, key), field(2, value));
  return [
    ...(id === undefined ? [] : [field(1, id)]),
    ...(type === undefined ? [] : [entry('type', type)]),
    ...(contentType === undefined ? [] : [entry('content-type', contentType)]),
    field(3, metadata),
    field(4, data),
  ];
}

/** The options that all calls of appends and removals share. */
export function encodeOptions(
  name: Name,
  expected: Expected,
  ...extra: readonly Buffer[]
): Buffer[] {
  const numbers = { no_stream: 3, any: 4, stream_exists: 5 } as const;
  return [
    ...(name === undefined ? [] : [field(1, field(3, name))]),
    ...(typeof expected === 'bigint'
      ? [numberField(2, expected)]
      : expected === undefined
        ? []
        : [field(numbers[expected])]),
    ...extra,
  ];
}

export type BatchPart = {
  /** The UUID message; `undefined` leaves it out. */
  readonly correlation?: Buffer | undefined;
  /** `undefined` for a later part. */
  readonly options?: readonly Buffer[] | undefined;
  readonly events?: readonly WireEvent[];
  readonly isFinal?: boolean;
};

export function encodePart({
  correlation,
  options,
  events = [],
  isFinal = true,
}: BatchPart): Buffer {
  return Buffer.concat([
    ...(correlation === undefined ? [] : [field(1, correlation)]),
    ...(options === undefined ? [] : [field(2, ...options)]),
    ...events.map((event) => field(3, ...encodeEvent(event))),
    ...(isFinal ? [numberField(4, 1)] : []),
  ]);
}

export const appendMessages = (
  name: Name,
  expected: Expected,
  events: readonly WireEvent[],
): Buffer[] => [
  field(1, ...encodeOptions(name, expected)),
  ...events.map((event) => field(2, ...encodeEvent(event))),
];

export type ReadOptions = {
  readonly of: readonly Buffer[];
  readonly direction?: 'backwards';
  readonly resolveLinks?: boolean;
  readonly count?: bigint | 'none';
  readonly subscription?: true;
  readonly filter?: readonly Buffer[] | 'none';
  readonly uuid?: 'none';
};

export function encodeRead(options: ReadOptions): Buffer {
  const { of, direction, resolveLinks, count = 1_000n, subscription, filter, uuid } = options;
  return field(
    1,
    ...of,
    ...(direction === undefined ? [] : [numberField(3, 1)]),
    ...(resolveLinks === true ? [numberField(4, 1)] : []),
    ...(subscription === true ? [field(6)] : count === 'none' ? [] : [numberField(5, count)]),
    ...(filter === undefined ? [field(8)] : filter === 'none' ? [] : [field(7, ...filter)]),
    ...(uuid === 'none' ? [] : [field(9, field(2))]),
  );
}

/** `of` of a stream; without a start the option is left out. */
export function ofStream(name: Name, from?: 'start' | 'end' | bigint): Buffer[] {
  const start =
    from === undefined
      ? []
      : [typeof from === 'bigint' ? numberField(2, from) : field(from === 'start' ? 3 : 4)];
  return [field(1, ...(name === undefined ? [] : [field(1, field(3, name))]), ...start)];
}

export type WirePlace = { readonly commit: bigint; readonly prepare: bigint };

export function ofAll(from?: 'start' | 'end' | WirePlace): Buffer[] {
  if (from === undefined) return [field(2)];
  if (typeof from === 'string') return [field(2, field(from === 'start' ? 2 : 3))];
  return [field(2, field(1, numberField(1, from.commit), numberField(2, from.prepare)))];
}

export type FilterOptions = {
  readonly prefixes?: readonly string[];
  readonly regex?: string;
  readonly window?: number | 'count';
  readonly multiplier?: number;
};

export function encodeFilter({
  prefixes = [],
  regex,
  window = 32,
  multiplier = 1,
}: FilterOptions): Buffer[] {
  return [
    field(
      1,
      ...(regex === undefined ? [] : [field(1, regex)]),
      ...prefixes.map((prefix) => field(2, prefix)),
    ),
    window === 'count' ? field(4) : numberField(3, window),
    numberField(5, multiplier),
  ];
}

/** Fields of a message by number: text of a number, or true for a message. */
export function fieldsOf(
  bytes: Buffer,
  start = 0,
  end = bytes.length,
): Map<number, bigint | Buffer> {
  const found = new Map<number, bigint | Buffer>();
  visitFields(bytes, start, end, {
    number: (number, value) => void found.set(number, value),
    bytes: (number, from, to) => void found.set(number, bytes.subarray(from, to)),
  });
  return found;
}

// Converts stored events to domain events and back. Writing, loading, subscribing and replaying all use
// this codec, so that none of them skips an upcaster.
import { z } from 'zod';
import { isJson, isJsonObject, type Json, type JsonObject } from './json.ts';
import {
  MetadataSchema,
  quickEncodeMetadata,
  quickMetadata,
  type EventMetadata,
} from './envelope.ts';
import { quickEncoder } from './quick-encode.ts';
import { withoutSeal } from './personal.ts';
import type { EventToAppend, RecordedEvent } from './recorded-event.ts';
import { err, ok, type Result } from './result.ts';

/** The schema of the current version of each event type's data, by the name of the type. */
export type EventSchemas = Readonly<Record<string, z.ZodType>>;

/** The union of events that schemas describe. */
export type EventOf<S extends EventSchemas> = {
  [T in keyof S & string]: { readonly type: T; readonly data: z.output<S[T]> };
}[keyof S & string];

/** The data of one type of event. */
export type EventData<
  E extends { readonly type: string; readonly data: unknown },
  T extends E['type'],
> = Extract<E, { type: T }>['data'];

export type DecodeFault = {
  readonly code:
    'broken_json' | 'metadata_invalid' | 'schema_invalid' | 'newer_version' | 'must_understand';
  readonly detail: string;
};

export type Decoded<E> =
  | { readonly kind: 'event'; readonly event: E; readonly metadata: EventMetadata }
  /** A type that this code does not know and may skip. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'fault'; readonly fault: DecodeFault };

export type Codec<E> = {
  readonly decode: (recorded: RecordedEvent) => Decoded<E>;
  /** @throws z.ZodError when the event breaks its schema, which is a bug of the caller */
  readonly encode: (event: E, metadata: EventMetadata, id: string) => EventToAppend;
};

const fault = (code: DecodeFault['code'], detail: string) =>
  ({ kind: 'fault', fault: { code, detail } }) as const;

type Upcaster = (data: JsonObject) => JsonObject;

export type CodecOptions<E extends { readonly type: string; readonly data: unknown }> = {
  /** Read the current version of frequent types faster; `undefined` leaves the data to the schema. */
  readonly quick?: {
    readonly [T in E['type']]?: (data: JsonObject) => EventData<E, T> | undefined;
  };
  /** The first upcaster of a type turns the data of version 1 into that of version 2, and so on. */
  readonly upcasters?: { readonly [T in E['type']]?: readonly Upcaster[] };
  /**
   * Types that change what a reader must do. They are written with a mark, by which a reader that does not know the type
   * parks the event or stops, in place of skipping it.
   */
  readonly mustUnderstand?: readonly E['type'][];
};

/** Builds the codec of event types. The current version of a type is one more than its upcasters. */
export function createCodec<S extends EventSchemas>(
  schemas: S,
  { quick = {}, upcasters = {}, mustUnderstand = [] }: CodecOptions<EventOf<S>> = {},
): Codec<EventOf<S>> {
  const byType = new Map(Object.entries(schemas));
  const encoders = new Map(
    Object.entries(schemas).map(([type, schema]) => [type, quickEncoder(schema)]),
  );
  const encodeMetadata = metadataEncoder();
  const decodeMetadata = metadataDecoder();
  const readers = new Map<string, (data: JsonObject) => unknown>(Object.entries(quick));
  const upcastersOf = new Map<string, readonly Upcaster[]>(Object.entries(upcasters));
  const marked: ReadonlySet<string> = new Set(mustUnderstand);
  const isEvent = (event: { type: string; data: unknown }): event is EventOf<S> =>
    byType.has(event.type);
  /** Only for types with a quick reader, which checks the result. */
  const encodeQuickly = (type: string, data: unknown): JsonObject | undefined => {
    const read = readers.get(type);
    const encoded = read === undefined ? undefined : encoders.get(type)?.(data);
    return isJsonObject(encoded) && read?.(encoded) !== undefined ? encoded : undefined;
  };

  return {
    decode(recorded) {
      const { type, data, metadata } = recorded;
      const schema = byType.get(type);
      if (schema === undefined) return unknownType(recorded);
      if (!isJsonObject(data) || 'unreadable' in data) {
        return fault('broken_json', 'the data is not a JSON object');
      }
      const known = decodeMetadata(metadata);
      if (!known.success) return fault('metadata_invalid', describe(known.error));
      const version = known.data.schemaVersion;
      const older = upcastersOf.get(type) ?? [];
      if (version > older.length + 1) {
        return fault('newer_version', `version ${version}; this code knows ${older.length + 1}`);
      }
      const current = upcast(older, version, withoutSeal(data));
      if (!current.ok) return fault('schema_invalid', current.error);
      let content = readers.get(type)?.(current.value);
      if (content === undefined) {
        const parsed = schema.safeParse(current.value);
        if (!parsed.success) return fault('schema_invalid', describe(parsed.error));
        content = parsed.data;
      }
      const event = { type, data: content };
      return isEvent(event) ? { kind: 'event', event, metadata: known.data } : { kind: 'unknown' };
    },

    encode({ type, data }, metadata, id) {
      const schema = byType.get(type);
      if (schema === undefined) throw new TypeError(`no schema for ${type}`);
      const schemaVersion = (upcastersOf.get(type)?.length ?? 0) + 1;
      return {
        id,
        type,
        data: encodeQuickly(type, data) ?? encodeObject(schema, data),
        metadata: encodeMetadata(metadata, schemaVersion, marked.has(type)),
      };
    },
  };
}

/** The first issues of a failed parse on one line; it names fields and never quotes values. */
export function describe(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join('.') || 'value'}: ${issue.message}`)
    .join('; ');
}

function unknownType(recorded: RecordedEvent): Decoded<never> {
  const { metadata } = recorded;
  return isJsonObject(metadata) && 'mustUnderstand' in metadata && metadata.mustUnderstand === true
    ? fault('must_understand', `type ${recorded.type} must be understood and is not known here`)
    : { kind: 'unknown' };
}

/** Applies the upcasters from a version on; one that throws means that the data is invalid. */
function upcast(
  upcasters: readonly Upcaster[],
  from: number,
  data: JsonObject,
): Result<JsonObject, string> {
  let current = data;
  for (let version = from; version <= upcasters.length; version++) {
    try {
      current = upcasters[version - 1]?.(current) ?? current;
    } catch (error) {
      return err(`upcasting from version ${version}: ${String(error)}`);
    }
  }
  return ok(current);
}

function encodeObject(schema: z.ZodType, value: unknown): JsonObject {
  const encoded = toJson(z.encode(schema, value));
  if (!isJsonObject(encoded)) throw new TypeError('an event is a JSON object');
  return encoded;
}

/** Stores give the events of an append one object of metadata: it is checked once. */
function metadataDecoder() {
  const check = (metadata: RecordedEvent['metadata']) =>
    quickMetadata(metadata) ?? MetadataSchema.safeParse(metadata);
  let last: { readonly metadata: unknown; readonly known: ReturnType<typeof check> } | undefined;
  return (metadata: RecordedEvent['metadata']): ReturnType<typeof check> => {
    if (last === undefined || last.metadata !== metadata) {
      last = { metadata, known: check(metadata) };
    }
    return last.known;
  };
}

/** The events of an append share their metadata: they are encoded once, as one object. */
function metadataEncoder() {
  let last: { readonly metadata: EventMetadata; readonly version: number } | undefined;
  let encoded: JsonObject = {};
  return (metadata: EventMetadata, version: number, isMarked: boolean): JsonObject => {
    if (last?.metadata !== metadata || last.version !== version) {
      last = { metadata, version };
      encoded =
        quickEncodeMetadata(metadata, version) ??
        encodeObject(MetadataSchema, { ...metadata, schemaVersion: version });
    }
    return isMarked ? { ...encoded, mustUnderstand: true } : encoded;
  };
}

// Optional fields are `undefined` in memory and absent at rest.
function toJson(value: unknown): Json {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === 'object' && value !== null) {
    const entries: [string, Json][] = [];
    for (const [key, field] of Object.entries(value)) {
      if (field !== undefined) entries.push([key, toJson(field)]);
    }
    return Object.fromEntries(entries);
  }
  if (isJson(value)) return value;
  throw new TypeError(`not JSON: ${typeof value}`);
}

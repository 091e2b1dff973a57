// Converts stored events to domain events and back. Writing, loading, subscribing and replaying all use
// this codec, so that none of them skips an upcaster.
import { z } from 'zod';
import { isJson, isJsonObject, type Json, type JsonObject } from './json.ts';
import { MetadataSchema, quickMetadata, type EventMetadata } from './envelope.ts';
import { withoutSeal } from './personal.ts';
import type { EventToAppend, RecordedEvent } from './recorded-event.ts';
import { err, ok, type Result } from './result.ts';

/** One event type: its current schema, and an upcaster from each older version. */
export type EventDefinition<T extends string = string, S extends z.ZodType = z.ZodType> = {
  readonly type: T;
  /** The current version, from 1. */
  readonly version: number;
  readonly schema: S;
  /** `upcast[n]` turns version n's stored data into version n + 1's. */
  readonly upcast?: Readonly<Record<number, (data: JsonObject) => JsonObject>>;
};

/** The union of events that a list of definitions describes. */
export type EventOf<D extends EventDefinition> =
  D extends EventDefinition<infer T, infer S>
    ? { readonly type: T; readonly data: z.output<S> }
    : never;

/** Why a stored event cannot be decoded. */
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

/** Encodes and decodes the events of one list of definitions. */
export type Codec<E> = {
  readonly decode: (recorded: RecordedEvent) => Decoded<E>;
  /** @throws z.ZodError when the event breaks its schema, which is a bug of the caller */
  readonly encode: (event: E, metadata: EventMetadata, id: string) => EventToAppend;
};

const fault = (code: DecodeFault['code'], detail: string) =>
  ({ kind: 'fault', fault: { code, detail } }) as const;

/**
 * By type: a function that reads data as its schema would, but faster; `undefined` leaves the data to the
 * schema.
 */
export type QuickReaders<E extends { readonly type: string; readonly data: unknown }> = {
  readonly [T in E['type']]?: (data: JsonObject) => Extract<E, { type: T }>['data'] | undefined;
};

/** Builds the codec for event definitions; `quick` reads current versions of frequent types faster. */
export function createCodec<const D extends readonly EventDefinition[]>(
  definitions: D,
  quick: QuickReaders<EventOf<D[number]>> = {},
): Codec<EventOf<D[number]>> {
  type E = EventOf<D[number]>;
  definitions.forEach(assertUpcasters);
  const byType = new Map<string, EventDefinition>(definitions.map((d) => [d.type, d]));
  const encodeMetadata = metadataEncoder();
  const readers = new Map<string, (data: JsonObject) => unknown>(Object.entries(quick));
  const isEvent = (event: { type: string; data: unknown }): event is E => byType.has(event.type);

  return {
    decode(recorded) {
      const definition = byType.get(recorded.type);
      if (definition === undefined) return unknownType(recorded);
      const { data, metadata } = recorded;
      if (!isJsonObject(data) || 'unreadable' in data) {
        return fault('broken_json', 'the data is not a JSON object');
      }
      const known = quickMetadata(metadata) ?? MetadataSchema.safeParse(metadata);
      if (!known.success) return fault('metadata_invalid', describe(known.error));
      const version = known.data.schemaVersion;
      if (version > definition.version) {
        return fault('newer_version', `version ${version}; this code knows ${definition.version}`);
      }
      const current = upcast(definition, version, withoutSeal(data));
      if (!current.ok) return fault('schema_invalid', current.error);
      let content: unknown = readers.get(recorded.type)?.(current.value);
      if (content === undefined) {
        const parsed = definition.schema.safeParse(current.value);
        if (!parsed.success) return fault('schema_invalid', describe(parsed.error));
        content = parsed.data;
      }
      const event = { type: recorded.type, data: content };
      return isEvent(event) ? { kind: 'event', event, metadata: known.data } : { kind: 'unknown' };
    },

    encode(event, metadata, id) {
      const definition = byType.get(event.type);
      if (definition === undefined) throw new TypeError(`no definition for ${event.type}`);
      return {
        id,
        type: event.type,
        data: encodeObject(definition.schema, event.data),
        metadata: { ...encodeMetadata(metadata), schemaVersion: definition.version },
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

/** Applies the upcasters in turn; an upcaster that throws means that the data is invalid. */
function upcast(
  definition: EventDefinition,
  from: number,
  data: JsonObject,
): Result<JsonObject, string> {
  let current = data;
  for (let version = from; version < definition.version; version++) {
    try {
      current = definition.upcast?.[version]?.(current) ?? current;
    } catch (error) {
      return err(`upcasting from version ${version}: ${String(error)}`);
    }
  }
  return ok(current);
}

function assertUpcasters(definition: EventDefinition): void {
  for (let version = 1; version < definition.version; version++) {
    if (definition.upcast?.[version] === undefined) {
      throw new TypeError(`${definition.type}: no upcaster from version ${version}`);
    }
  }
}

function encodeObject(schema: z.ZodType, value: unknown): JsonObject {
  const encoded = toJson(z.encode(schema, value));
  if (!isJsonObject(encoded)) throw new TypeError('an event is a JSON object');
  return encoded;
}

/** All events of an append share one metadata object; it is encoded once. */
function metadataEncoder(): (metadata: EventMetadata) => JsonObject {
  let last: { readonly metadata: EventMetadata; readonly encoded: JsonObject } | undefined;
  return (metadata) => {
    if (last?.metadata !== metadata) {
      const encoded = encodeObject(MetadataSchema, { ...metadata, schemaVersion: 1 });
      last = { metadata, encoded };
    }
    return last.encoded;
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

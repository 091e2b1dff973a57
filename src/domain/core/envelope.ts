// The metadata of stored events, and the zod schemas that the schemas of stored data share.
import { z } from 'zod';
import { formatInstant, MAX_INSTANT, parseInstant, type Instant } from './instants.ts';
import { isCleanText, jsonFault, type Json, type JsonObject } from './json.ts';
import { formatPosition, parsePosition } from './positions.ts';
import { isCount, isFields, isOptionalText, isText, quickInstant } from './quick.ts';

/** An instant: RFC 3339 in UTC at rest, integer milliseconds in memory. */
export const InstantCodec = z.codec(z.string(), z.int().min(0).max(MAX_INSTANT), {
  decode: (text, context) => {
    const parsed = parseInstant(text);
    if (parsed.ok) return parsed.value;
    context.issues.push({ code: 'custom', input: text, message: parsed.error });
    return z.NEVER;
  },
  encode: formatInstant,
});

/** A position: `commit/prepare` at rest. */
export const PositionCodec = z.codec(
  z.string(),
  z.object({ commit: z.bigint(), prepare: z.bigint() }),
  {
    decode: (text, context) => {
      const position = parsePosition(text);
      if (position !== undefined) return position;
      context.issues.push({ code: 'custom', input: text, message: 'is not a position' });
      return z.NEVER;
    },
    encode: formatPosition,
  },
);

/** Text without NUL and lone surrogates, of 1 to `max` UTF-16 units. */
export const textUpTo = (max: number) =>
  z
    .string()
    .min(1)
    .max(max, { error: `is longer than ${max} characters` })
    .refine(isCleanText, { error: 'has a NUL character or a lone surrogate' });

/** Any JSON value that all stores and wires take. */
export const JsonSchema = z.custom<Json>((value) => jsonFault(value) === undefined, {
  error: 'is not JSON of at most 64 levels without NUL characters',
});

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

export const TraceparentSchema = z
  .string()
  .regex(TRACEPARENT, { error: 'is not a W3C traceparent of version 00' });

/** Event metadata; loose, because other programs may add keys such as `$correlationId`. */
export const MetadataSchema = z.looseObject({
  schemaVersion: z.int().min(1),
  recordedAt: InstantCodec,
  correlationId: textUpTo(128),
  causationId: textUpTo(128),
  commandId: textUpTo(128),
  traceparent: TraceparentSchema.optional(),
  actor: textUpTo(128).optional(),
  /** A reader that does not know this event's type must not skip it. */
  mustUnderstand: z.boolean().optional(),
});

const METADATA_FIELDS: ReadonlySet<string> = new Set([
  ...['schemaVersion', 'recordedAt', 'correlationId', 'causationId', 'commandId'],
  ...['traceparent', 'actor', 'mustUnderstand'],
]);

/** Reads metadata without {@link MetadataSchema} (see quick.ts); `undefined` leaves it to the schema. */
export function quickMetadata(
  metadata: unknown,
): { readonly success: true; readonly data: z.output<typeof MetadataSchema> } | undefined {
  if (!isFields(metadata)) return undefined;
  // Keys of other programs are left to the schema, which keeps them.
  for (const key in metadata) if (!METADATA_FIELDS.has(key)) return undefined;
  const { schemaVersion, correlationId, causationId, commandId, traceparent, actor } = metadata;
  const { mustUnderstand } = metadata;
  const recordedAt = quickInstant(metadata['recordedAt']);
  if (recordedAt === undefined || !isCount(schemaVersion)) return undefined;
  if (!isText(correlationId, 128) || !isText(causationId, 128)) return undefined;
  if (!isText(commandId, 128) || mustUnderstand !== undefined) return undefined;
  const data = { schemaVersion, recordedAt, correlationId, causationId, commandId };
  if (traceparent === undefined && actor === undefined) return { success: true, data };
  if (!isOptionalText(actor, 128) || !isOptionalText(traceparent, 55)) return undefined;
  if (traceparent !== undefined && !TRACEPARENT.test(traceparent)) return undefined;
  return {
    success: true,
    data: {
      ...data,
      ...(traceparent === undefined ? {} : { traceparent }),
      ...(actor === undefined ? {} : { actor }),
    },
  };
}

export type EventMetadata = {
  readonly recordedAt: Instant;
  readonly correlationId: string;
  readonly causationId: string;
  readonly commandId: string;
  readonly traceparent?: string | undefined;
  readonly actor?: string | undefined;
};

/** Encodes metadata without {@link MetadataSchema}; `undefined` leaves it to the schema. */
export function quickEncodeMetadata(
  metadata: EventMetadata,
  schemaVersion: number,
): JsonObject | undefined {
  for (const key in metadata) if (!METADATA_FIELDS.has(key)) return undefined;
  const { recordedAt, correlationId, causationId, commandId, traceparent, actor } = metadata;
  if (!Number.isInteger(recordedAt) || recordedAt < 0 || recordedAt > MAX_INSTANT) return undefined;
  const encoded = {
    schemaVersion,
    recordedAt: formatInstant(recordedAt),
    correlationId,
    causationId,
    commandId,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(actor === undefined ? {} : { actor }),
  };
  return quickMetadata(encoded) === undefined ? undefined : encoded;
}

// What every stored event carries besides its data, and the zod pieces that stored data is made of.
import { z } from 'zod';
import { formatInstant, MAX_INSTANT, parseInstant, type Instant } from './instants.ts';
import { isCleanText, jsonFault, type Json } from './json.ts';

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

/** Text without NUL and lone surrogates, of 1 to `max` UTF-16 units. */
export const textUpTo = (max: number) =>
  z
    .string()
    .min(1)
    .max(max, { error: `is longer than ${max} characters` })
    .refine(isCleanText, { error: 'has a NUL character or a lone surrogate' });

/** Any JSON value that every serialiser can take. */
export const JsonSchema = z.custom<Json>((value) => jsonFault(value) === undefined, {
  error: 'is not JSON of at most 64 levels without NUL characters',
});

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** W3C trace context, version 00. */
export const TraceparentSchema = z
  .string()
  .regex(TRACEPARENT, { error: 'is not a W3C traceparent of version 00' });

/** Event metadata; loose, because others may add their own keys (`$correlationId`, say). */
export const MetadataSchema = z.looseObject({
  schemaVersion: z.int().min(1),
  recordedAt: InstantCodec,
  correlationId: textUpTo(128),
  causationId: textUpTo(128),
  commandId: textUpTo(128),
  traceparent: TraceparentSchema.optional(),
  actor: textUpTo(128).optional(),
  /** A reader that does not know this event's type must stop at it instead of passing by. */
  mustUnderstand: z.boolean().optional(),
});

/** What the kernel knows about an event besides its data. */
export type EventMetadata = {
  readonly recordedAt: Instant;
  readonly correlationId: string;
  readonly causationId: string;
  readonly commandId: string;
  readonly traceparent?: string | undefined;
  readonly actor?: string | undefined;
};

// An export as a file: one JSON object a line. The first says what it is, then one line per event, the
// last is the manifest. Each line holds the hash of the one before it, so none can be changed, removed,
// added or moved without the rest not fitting any more; the manifest holds the last hash, and may be signed.
//
// What is personal in an event is not in the hashed text itself but as a hash of it, salted per line, so
// that it can be taken out later while the chain still verifies. Without the salt, a short text could be
// found by trying all of them.
import { hash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, type Json, type JsonObject } from '../../../domain/core/json.ts';

/** Names the format; another one is another name. */
export const EXPORT_FORMAT = 'tocsin-export/1';

/** The hash before the first line. */
export const GENESIS = '0'.repeat(64);

const Hash = z.string().regex(/^[0-9a-f]{64}$/);
/** Lines come out of a JSON parser, so whatever is there is JSON. */
const AnyJson = z.custom<Json>((value) => value !== undefined);
const Decimal = z.string().regex(/^\d{1,20}$/);

/** Which of a log's events an export is about. */
export const ExportFilterSchema = z.strictObject({
  from: z.string().optional(),
  to: z.string().optional(),
  user: z.string().optional(),
  type: z.string().optional(),
});

export const HeaderSchema = z.strictObject({
  kind: z.literal('header'),
  n: z.literal(0),
  format: z.literal(EXPORT_FORMAT),
  kernel: z.string(),
  storeId: z.string(),
  filter: ExportFilterSchema,
  prev: Hash,
  hash: Hash,
});

export const EventLineSchema = z.strictObject({
  kind: z.literal('event'),
  n: z.int().min(1),
  event: z.strictObject({
    id: z.string(),
    stream: z.string(),
    revision: Decimal,
    position: z.string(),
    type: z.string(),
    data: AnyJson,
    metadata: AnyJson,
  }),
  /** SHA-256 of salt and personal part; absent where the event has none. */
  personalHash: Hash.optional(),
  /** Absent once it was redacted. */
  personal: z.strictObject({ salt: z.string(), value: AnyJson }).optional(),
  prev: Hash,
  hash: Hash,
});

export const ManifestSchema = z.strictObject({
  kind: z.literal('manifest'),
  n: z.int().min(1),
  events: z.int().min(0),
  /** First and last event's position; null in an export without events. */
  first: z.string().nullable(),
  last: z.string().nullable(),
  /** Events by type. */
  types: z.record(z.string(), z.int()),
  /** The hash of the last line before this one: what stands for the whole export. */
  root: Hash,
  prev: Hash,
  hash: Hash,
  /** Ed25519 over the manifest's hash, base64, and the key that it can be checked with (PEM). */
  signature: z.strictObject({ publicKey: z.string(), value: z.string() }).optional(),
});

export const LineSchema = z.discriminatedUnion('kind', [
  HeaderSchema,
  EventLineSchema,
  ManifestSchema,
]);

export type ExportFilter = z.output<typeof ExportFilterSchema>;
export type HeaderLine = z.output<typeof HeaderSchema>;
export type EventLine = z.output<typeof EventLineSchema>;
export type Manifest = z.output<typeof ManifestSchema>;
export type ExportLine = z.output<typeof LineSchema>;

/** A line's hash: of the hash before it and everything in it that redaction and signing leave alone. */
export function hashOf(line: JsonObject): string {
  const { hash: _hash, personal: _personal, signature: _signature, ...rest } = line;
  return hash('sha256', canonicalJson(rest));
}

/** The hash that stands for an event's personal part. */
export function personalHashOf(salt: string, value: Json): string {
  return hash('sha256', `${salt}\n${canonicalJson(value)}`);
}

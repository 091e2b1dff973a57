// The format of an export: one JSON object per line. The first line is a header, then comes a line per event,
// and the last line is the manifest. Each line holds the hash of the line before it, so a line that is changed,
// removed, added or moved breaks the chain. The manifest holds the last hash and may be signed.
//
// An event in a line is the event of the log's Merkle tree (notary/leaf.ts) with its position: it holds a salted hash of
// the personal part. The part itself is beside it, outside of the line's hash, so it can be removed later and the chain
// still verifies. The salt is that of the event, so two exports of one log have one root.
import { hash } from 'node:crypto';
import { z } from 'zod';
import { isFields } from '../../../domain/core/quick.ts';
import {
  canonicalJson,
  isJsonObject,
  MAX_STORED_DEPTH,
  nestsDeeperThan,
  parseJson,
  type Json,
  type JsonObject,
} from '../../../domain/core/json.ts';

export const EXPORT_FORMAT = 'tocsin-export/2';

/** The hash before the first line. */
export const GENESIS = '0'.repeat(64);

const Hash = z.string().regex(/^[0-9a-f]{64}$/);
/** Lines come out of a JSON parser, so whatever is there is JSON. */
const AnyJson = z.custom<Json>((value) => value !== undefined);
const AnyObject = z.custom<JsonObject>((value) => isFields(value));
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
  /**
   * Only in an archive: the events of the log before its first, how many they are, the position of the last of them, and
   * the hashes that the Merkle tree goes on from.
   */
  after: z
    .strictObject({
      size: z.int().min(0),
      position: z.string().nullable(),
      peaks: z.array(Hash).max(64),
    })
    .optional(),
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
    data: AnyObject,
    metadata: AnyObject,
  }),
  /** The personal part as the log holds it; absent where the event has none, and once it was redacted. */
  personal: AnyJson.optional(),
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
  /** Events of the log up to the export's end that it leaves out; 0 for the whole log. */
  omitted: z.int().min(0),
  /**
   * The Merkle tree of the whole log, as in a tree head; null in an export that leaves events out. In an archive: the tree
   * of the events before it and of its own.
   */
  tree: z.strictObject({ size: z.int().min(0), root: Hash }).nullable(),
  /** Events by type. */
  types: z.record(z.string(), z.int()),
  /** The hash of the line before this one, which covers the whole export. */
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

/** The hash of a line: of everything in it except its own hash, the personal part and the signature. */
export function hashOf(line: JsonObject): string {
  const { hash: _hash, personal: _personal, signature: _signature, ...rest } = line;
  return hash('sha256', canonicalJson(rest));
}

/** The JSON of an event's line, composed of parts; without `hash`, the text that the hash is of. */
export function eventLineText(
  event: string,
  { n, prev }: Pick<EventLine, 'n' | 'prev'>,
  beside: {
    readonly hash?: string;
    readonly personal?: Json | undefined;
    /** Keeps the order of the personal part's keys, because messages have it; else they are sorted. */
    readonly keepsOrder?: boolean | undefined;
  } = {},
): string {
  const { hash: own, personal: part, keepsOrder = false } = beside;
  const hashed = own === undefined ? '' : `,"hash":"${own}"`;
  const text = keepsOrder ? JSON.stringify : canonicalJson;
  const personal = part === undefined ? '' : `,"personal":${text(part)}`;
  return `{"event":${event}${hashed},"kind":"event","n":${n}${personal},"prev":"${prev}"}`;
}

/** A stored event's data, and the line around it. */
export const MAX_LINE_DEPTH = MAX_STORED_DEPTH + 8;

/** A line, and the JSON that its hash is of. */
export type ReadLine = { readonly line: ExportLine; readonly json: JsonObject };

/** Reads a line; `undefined` when the text is not a line of an export. */
export function lineOf(text: string): ReadLine | undefined {
  if (nestsDeeperThan(text, MAX_LINE_DEPTH)) return undefined;
  try {
    const json = parseJson(text);
    const parsed = LineSchema.safeParse(json);
    return parsed.success && isJsonObject(json) ? { line: parsed.data, json } : undefined;
  } catch {
    // Not JSON, so not a line of an export.
    return undefined;
  }
}

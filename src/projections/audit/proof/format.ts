// The files of proofs: events with their paths to a signed head, and two signed heads with the path between them.
import { z } from 'zod';
import { isFields } from '../../../domain/core/quick.ts';
import type { Json, JsonObject } from '../../../domain/core/json.ts';
import { TreeHeadSchema } from '../../notary/head.ts';
import { PublishedKeysSchema } from '../../notary/keys.ts';

export const PROOF_FORMAT = 'tocsin-proof/1';
export const CONSISTENCY_FORMAT = 'tocsin-consistency/1';

const AnyObject = z.custom<JsonObject>((value) => isFields(value));
const AnyJson = z.custom<Json>((value) => value !== undefined);
/** A hash of 32 bytes, base64 in its one form: the last digit has two bits that no decoder reads. */
const NodeSchema = z.string().regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/);
/** A tree of 2^53 leaves has no longer path. */
const MAX_PATH = 53;
const MAX_EVENTS = 10_000;

export const ProofSchema = z.strictObject({
  format: z.literal(PROOF_FORMAT),
  /** What was asked for: the id of a trigger, a preview or a notification. */
  about: z.string(),
  head: TreeHeadSchema,
  /** The keys of the notary; a reader needs only one of them. */
  keys: PublishedKeysSchema.optional(),
  /** The hashes of all paths, each once. */
  nodes: z.array(NodeSchema).max(MAX_PATH * MAX_EVENTS),
  events: z
    .array(
      z.strictObject({
        /** The number of the leaf, from 0. */
        leaf: z.int().min(0),
        /** Its path to the root: places in `nodes`. */
        path: z.array(z.int().min(0)).max(MAX_PATH),
        event: z.strictObject({
          id: z.string(),
          stream: z.string(),
          revision: z.string(),
          type: z.string(),
          metadata: AnyObject,
          data: AnyObject,
        }),
        /** The personal part with its salt, where the maker of the proof shows it. */
        personal: AnyJson.optional(),
      }),
    )
    .min(1)
    .max(MAX_EVENTS),
});

export type Proof = z.output<typeof ProofSchema>;

export const ConsistencySchema = z.strictObject({
  format: z.literal(CONSISTENCY_FORMAT),
  older: TreeHeadSchema,
  newer: TreeHeadSchema,
  keys: PublishedKeysSchema.optional(),
  path: z.array(NodeSchema).max(2 * MAX_PATH),
});

export type ConsistencyProof = z.output<typeof ConsistencySchema>;

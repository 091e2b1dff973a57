// The public keys of a notary. A new key is signed by the key before it, so that somebody who has kept any earlier key
// can check later heads.
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, tryParseJson } from '../../domain/core/json.ts';
import { isSigned, keyIdOf, publicKeyIn, SignatureSchema } from './head.ts';

const KEY_FORMAT = 'tocsin-notary-key/1';

const PublishedKeySchema = z.strictObject({
  /** SHA-256 of the key's DER form (SPKI), in hex. */
  id: z.string().regex(/^[0-9a-f]{64}$/),
  /** PEM (SPKI). */
  publicKey: z.string(),
  /** When it was made: RFC 3339 in UTC. */
  since: z.iso.datetime({ precision: 3 }),
  /** By the key before it: its id, and an Ed25519 signature as base64. */
  endorsed: z.strictObject({ by: z.string(), signature: SignatureSchema }).optional(),
});

export type PublishedKey = Readonly<z.output<typeof PublishedKeySchema>>;

/** The keys of a notary, oldest first; this is what `tocsin notary key publish` prints. */
export const PublishedKeysSchema = z.strictObject({
  format: z.literal(KEY_FORMAT),
  keys: z.array(PublishedKeySchema).min(1),
});

export type PublishedKeys = Readonly<z.output<typeof PublishedKeysSchema>>;

export function publishedKeys(keys: readonly PublishedKey[]): PublishedKeys {
  return { format: KEY_FORMAT, keys: [...keys] };
}

/** The text that the key before signs. */
export function endorsementText({ id, publicKey, since }: PublishedKey): string {
  return `${KEY_FORMAT}\n${canonicalJson({ id, publicKey, since })}`;
}

/** The keys that a file of the reader names: one key in PEM, or what `notary key publish` printed. */
export function keysIn(text: string): ReadonlyMap<string, KeyObject> | undefined {
  const single = publicKeyIn(text);
  if (single !== undefined) return new Map([[keyIdOf(single), single]]);
  const published = PublishedKeysSchema.safeParse(tryParseJson(text));
  if (!published.success) return undefined;
  return new Map(
    published.data.keys.flatMap(({ publicKey }) => {
      const key = publicKeyIn(publicKey);
      return key === undefined ? [] : [[keyIdOf(key), key] as const];
    }),
  );
}

/** The trusted keys, and those that are endorsed by one of them, directly or through others. */
export function withEndorsed(
  trusted: ReadonlyMap<string, KeyObject>,
  offered: readonly PublishedKey[],
): ReadonlyMap<string, KeyObject> {
  const keys = new Map(trusted);
  // In the order of the chain, so that one pass is enough.
  for (const one of offered) {
    const by = one.endorsed && keys.get(one.endorsed.by);
    const key = publicKeyIn(one.publicKey);
    if (by === undefined || key === undefined || one.endorsed === undefined) continue;
    if (keyIdOf(key) !== one.id) continue;
    if (isSigned(endorsementText(one), one.endorsed.signature, by)) keys.set(one.id, key);
  }
  return keys;
}

// A tree head: the notary's signed statement about the first leaves of a log.
import { createPublicKey, hash, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, tryParseJson } from '../../domain/core/json.ts';
import type { Hash } from './merkle.ts';

export const HEAD_FORMAT = 'tocsin-tree-head/1';

const Hex = z.string().regex(/^[0-9a-f]{64}$/);
/** Base64 in its one form: decoders skip what they do not know. */
export const SignatureSchema = z
  .string()
  .refine((text) => Buffer.from(text, 'base64').toString('base64') === text);

/** A signed tree head, as the notary gives it away. */
export const TreeHeadSchema = z.strictObject({
  format: z.literal(HEAD_FORMAT),
  /** The id of the log. */
  store: z.uuid(),
  /** The number of leaves. */
  size: z.int().min(1),
  /** The position of the last leaf's event in the log that the notary has read. */
  position: z.string().regex(/^\d{1,19}\/\d{1,19}$/),
  /** The root of the Merkle tree of these leaves, in hex. */
  root: Hex,
  /** When it was signed: RFC 3339 in UTC. */
  time: z.iso.datetime({ precision: 3 }),
  /** The id of the key: SHA-256 of its DER form (SPKI), in hex. */
  key: Hex,
  /** Ed25519, base64. */
  signature: SignatureSchema,
});

export type TreeHead = Readonly<z.output<typeof TreeHeadSchema>>;

/** What a head states. */
export type HeadFacts = Omit<TreeHead, 'format' | 'key' | 'signature'>;

/** Signs heads and nothing else. */
export type HeadSigner = {
  /** The id of the key. */
  readonly key: string;
  /** @returns an Ed25519 signature as base64 */
  readonly sign: (text: string) => string;
};

export function signedHead(facts: HeadFacts, signer: HeadSigner): TreeHead {
  return {
    format: HEAD_FORMAT,
    ...facts,
    key: signer.key,
    signature: signer.sign(headText(facts)),
  };
}

/** The text that is signed. Its first line keeps it apart from everything else that a key may sign. */
function headText({ store, size, position, root, time }: HeadFacts): string {
  return `${HEAD_FORMAT}\n${canonicalJson({ store, size, position, root, time })}`;
}

export function parseHead(text: string): TreeHead | undefined {
  const parsed = TreeHeadSchema.safeParse(tryParseJson(text));
  return parsed.success ? parsed.data : undefined;
}

export type Signedness = 'valid' | 'invalid' | 'unknown_key';

export function signednessOf(head: TreeHead, keys: ReadonlyMap<string, KeyObject>): Signedness {
  const key = keys.get(head.key);
  if (key === undefined) return 'unknown_key';
  return isSigned(headText(head), head.signature, key) ? 'valid' : 'invalid';
}

/** True for an Ed25519 signature of the text. */
export function isSigned(text: string, signature: string, key: KeyObject): boolean {
  return verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64'));
}

/** A public Ed25519 key in PEM; `undefined` for any other text. */
export function publicKeyIn(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    // Not a key: the caller decides what that means.
    return undefined;
  }
}

/** The id of a key: SHA-256 of its DER form (SPKI), in hex. */
export function keyIdOf(key: KeyObject): string {
  return hash('sha256', key.export({ type: 'spki', format: 'der' }));
}

export function hexOf(bytes: Hash): string {
  return Buffer.from(bytes).toString('hex');
}

export function bytesOf(hex: string): Hash {
  return Buffer.from(hex, 'hex');
}

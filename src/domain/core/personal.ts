// Personal fields are under one key of an event's data, so that they can be encrypted (sealed) per user.
// Without the user's key the event is read without them. No verdict depends on them.
//
// The personal part has a random salt. Every stored or exported hash of personal content is keyed by it, so the hash
// tells nothing about a user whose key was shredded.
import { z } from 'zod';
import { isJsonObject, type Json, type JsonObject } from './json.ts';

/** 16 random bytes, base64url. */
export const SaltSchema = z.string().regex(/^[A-Za-z0-9_-]{22}$/);

const Hash = z.string().regex(/^[0-9a-f]{64}$/);

/** A sealed personal part: the user, the id of the user's key, the ciphertext, and the hash of what is sealed. */
const SealedSchema = z.strictObject({
  sealed: z.strictObject({ user: z.string(), key: z.uuid(), box: z.base64() }),
  hash: Hash,
});

export type SealedPersonal = z.output<typeof SealedSchema>;

export type Sealed = SealedPersonal['sealed'];

/** The personal part in place of a sealed one; every event type accepts it. */
export const BLANK_PERSONAL: JsonObject = { summary: '', fallbackText: '', changes: [] };

/** The sealed personal part of an event; `undefined` when it is readable or absent. */
export function sealedPersonal({ personal }: JsonObject): SealedPersonal | undefined {
  // This check comes first because it is cheap and few events are sealed.
  if (typeof personal !== 'object' || personal === null || !('sealed' in personal))
    return undefined;
  const parsed = SealedSchema.safeParse(personal);
  return parsed.success ? parsed.data : undefined;
}

/** The seal of an event's personal part; `undefined` when it is readable or absent. */
export function sealOf(data: JsonObject): Sealed | undefined {
  return sealedPersonal(data)?.sealed;
}

/** The data as a reader without the user's key gets it. */
export function withoutSeal(data: JsonObject): JsonObject {
  return sealOf(data) === undefined ? data : { ...data, personal: BLANK_PERSONAL };
}

/** A readable personal part, separated from its salt; the salt is empty where there is none. */
export function splitSalt(personal: JsonObject): {
  readonly salt: string;
  readonly content: JsonObject;
} {
  const { salt, ...content } = personal;
  return typeof salt === 'string' ? { salt, content } : { salt: '', content: personal };
}

/** The content of a personal part, without its salt; empty for data that has none. */
export function personalContent(personal: Json | undefined): JsonObject {
  return personal !== undefined && isJsonObject(personal) ? splitSalt(personal).content : {};
}

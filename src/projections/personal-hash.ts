// Hashes of personal content, each keyed by the salt of the content's event.
import { createHmac } from 'node:crypto';
import { canonicalJson, type JsonObject } from '../domain/core/json.ts';
import { splitSalt } from '../domain/core/personal.ts';

/** HMAC-SHA-256 of a text, in lower-case hex. The key is the salt's text in UTF-8. */
export function saltedHash(salt: string, text: string): string {
  return createHmac('sha256', salt).update(text).digest('hex');
}

/** The salted hash of a readable personal part: of the canonical JSON of everything in it but the salt. */
export function personalHash(personal: JsonObject): string {
  const { salt, content } = splitSalt(personal);
  return saltedHash(salt, canonicalJson(content));
}

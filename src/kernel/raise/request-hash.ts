// Hashes of requests: HMAC-SHA-256 under the salt of the event that holds the hash, over the canonical JSON (RFC 8785)
// of the client's input, before any default. A request may hold personal data, and few values are possible for some of
// them, so a hash without a salt could be reversed.
import { createHash } from 'node:crypto';
import { canonicalJson, parseJson } from '../../domain/core/json.ts';
import { saltedHash } from '../../projections/personal-hash.ts';

/** Lower-case hex. `input` is JSON apart from Dates, which count as their RFC 3339 text. */
export function requestHash(input: unknown, salt: string): string {
  return saltedHash(salt, canonicalJson(parseJson(JSON.stringify(input))));
}

/** The id of an apply, made of one preview, key and hash of the body; the host's port may use it as a key. */
export function applyIdOf(previewId: string, key: string, bodyHash: string): string {
  const hash = createHash('sha256').update(`${previewId}\n${key}\n${bodyHash}`).digest('hex');
  return `asap_${hash.slice(0, 24)}`;
}

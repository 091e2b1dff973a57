// Hashes of requests: SHA-256 over the canonical JSON (RFC 8785) of the client's input, before any default.
import { createHash } from 'node:crypto';
import { canonicalJson, parseJson } from '../../domain/core/json.ts';

/** Lower-case hex. `input` is JSON apart from Dates, which count as their RFC 3339 text. */
export function requestHash(input: unknown): string {
  const text = canonicalJson(parseJson(JSON.stringify(input)));
  return createHash('sha256').update(text).digest('hex');
}

/** The id of an apply: the same for one preview, key and body; the host's port may use it as a key. */
export function applyIdOf(previewId: string, key: string, bodyHash: string): string {
  const hash = createHash('sha256').update(`${previewId}\n${key}\n${bodyHash}`).digest('hex');
  return `asap_${hash.slice(0, 24)}`;
}

// SHA-256 over the canonical JSON (RFC 8785) of what the client sent, before any default: the same
// request under the same idempotency key has the same hash, on every machine.
import { createHash } from 'node:crypto';
import { canonicalJson, parseJson } from '../../domain/core/json.ts';

/** Lower-case hex. `input` is JSON apart from Dates, which count as their RFC 3339 text. */
export function requestHash(input: unknown): string {
  const text = canonicalJson(parseJson(JSON.stringify(input)));
  return createHash('sha256').update(text).digest('hex');
}

/** An apply's id: of one preview, key and body the same, for ever; the host's port may key on it. */
export function applyIdOf(previewId: string, key: string, bodyHash: string): string {
  const hash = createHash('sha256').update(`${previewId}\n${key}\n${bodyHash}`).digest('hex');
  return `asap_${hash.slice(0, 24)}`;
}

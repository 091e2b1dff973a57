// SHA-256 over the canonical JSON (RFC 8785) of what the client sent, before any default: the same
// request under the same idempotency key has the same hash, on every machine.
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** Lower-case hex. `input` is JSON apart from Dates, which count as their RFC 3339 text. */
export function requestHash(input: unknown): string {
  const text = canonicalize(JSON.parse(JSON.stringify(input)));
  return createHash('sha256')
    .update(text ?? '')
    .digest('hex');
}

/** SHA-256, lower-case hex, of a preview's id, an idempotency key and a body's hash, each on a line. */
export function applyHash(previewId: string, key: string, bodyHash: string): string {
  return createHash('sha256').update(`${previewId}\n${key}\n${bodyHash}`).digest('hex');
}

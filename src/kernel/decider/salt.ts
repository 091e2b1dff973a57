// The salts of personal parts.
import { randomFillSync } from 'node:crypto';

const SALT_BYTES = 16;
/** Random bytes are taken from the system for so many salts at once. */
const SALTS_AT_ONCE = 256;

const pool = Buffer.alloc(SALT_BYTES * SALTS_AT_ONCE);
let used = pool.length;

/** A new salt: 16 random bytes as base64url. */
export function newSalt(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const salt = pool.toString('base64url', used, used + SALT_BYTES);
  // What was used must not be found in the memory of the process.
  pool.fill(0, used, used + SALT_BYTES);
  used += SALT_BYTES;
  return salt;
}

import { hash } from 'node:crypto';

/** A hash that belongs to no tree. */
export function toHash(text: string): Uint8Array {
  return hash('sha256', text, 'buffer');
}

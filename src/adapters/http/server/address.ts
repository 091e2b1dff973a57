// Refuses to listen at an address that other machines can reach, unless that is allowed.
import { isIP } from 'node:net';
import { TocsinError } from '../../../domain/core/errors.ts';

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Accepts a loopback address; accepts other addresses only with `allowRemote`. */
export function assertLocal(
  host: string,
  { allowRemote }: { readonly allowRemote: boolean },
): void {
  if (isLoopback(host) || allowRemote) return;
  throw new TocsinError('usage', 'address_not_local', `other machines can reach ${host}`, {
    hint: 'Listen on 127.0.0.1 behind a TLS proxy, or use --allow-remote: tokens then travel unencrypted.',
  });
}

// Whether others than this machine can reach an address.
import { isIP } from 'node:net';
import { TocsinError } from '../../../domain/core/errors.ts';

/**
 * Lets an address pass that only this machine reaches, and any other only when that is allowed.
 *
 * @throws TocsinError `usage`
 */
export function assertLocal(
  host: string,
  { allowRemote }: { readonly allowRemote: boolean },
): void {
  const isLocal =
    host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  if (isLocal || allowRemote) return;
  throw new TocsinError(
    'usage',
    'address_not_local',
    `${host} can be reached from other machines`,
    {
      hint: 'Listen on 127.0.0.1 behind a proxy that speaks TLS, or say --allow-remote: tokens then travel in clear text.',
    },
  );
}

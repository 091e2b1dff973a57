// The hosts of a connection string that are asked for the members of a cluster. One name can stand for several nodes:
// each of its addresses is asked.
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { unlessAborted } from '../../../domain/core/signals.ts';
import type { Endpoint } from './endpoint.ts';

/** All addresses of a name. */
export type Lookup = (name: string) => Promise<readonly string[]>;

export const lookupAll: Lookup = async (name) =>
  (await lookup(name, { all: true })).map(({ address }) => address);

/** @param timeoutMs after this time a name is taken as it is: the dial says what is wrong with it */
export async function seedsOf(
  hosts: readonly Endpoint[],
  lookUp: Lookup,
  timeoutMs: number,
): Promise<readonly Endpoint[]> {
  const signal = AbortSignal.timeout(timeoutMs);
  const found = hosts.map(async (host): Promise<readonly Endpoint[]> => {
    if (isIP(host.address) !== 0) return [host];
    const looking = lookUp(host.address).catch(() => []);
    const addresses = await unlessAborted(looking, signal, () => []);
    return addresses.length < 2 ? [host] : addresses.map((dialled) => ({ ...host, dialled }));
  });
  return (await Promise.all(found)).flat();
}

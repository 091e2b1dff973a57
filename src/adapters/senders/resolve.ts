// From a name to one address that was looked at, which is the one that is connected to: whoever answers
// otherwise the second time is not asked a second time.
import type { LookupAddress } from 'node:dns';
import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { err, ok, type Result } from '../../domain/core/result.ts';
import { isPublicAddress } from './addresses.ts';

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

export const systemResolve: Resolve = (hostname) => systemLookup(hostname, { all: true });

/** Why there is nowhere to connect to. */
export type Unresolved = 'ssrf_blocked' | 'dns_not_found' | 'dns_failed';

/** @param hostname as WHATWG URL gives it: numbers in any notation are an IPv4 address by then */
export async function resolveTarget(
  hostname: string,
  { resolve, privateTargets }: { readonly resolve: Resolve; readonly privateTargets: boolean },
): Promise<Result<LookupAddress, Unresolved>> {
  const literal = hostname.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(literal);
  const found = family === 0 ? await lookUp(hostname, resolve) : ok([{ address: literal, family }]);
  if (!found.ok) return found;
  const [first] = found.value;
  if (first === undefined) return err('dns_not_found');
  // One address that is not public makes the whole name suspect: it may be chosen next time.
  const isAllowed = privateTargets || found.value.every(({ address }) => isPublicAddress(address));
  return isAllowed ? ok(first) : err('ssrf_blocked');
}

async function lookUp(
  hostname: string,
  resolve: Resolve,
): Promise<Result<readonly LookupAddress[], Unresolved>> {
  try {
    return ok(await resolve(hostname));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return err(code === 'ENOTFOUND' ? 'dns_not_found' : 'dns_failed');
  }
}

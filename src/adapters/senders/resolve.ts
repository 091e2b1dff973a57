// Resolves a host name to checked addresses. The sender connects to these addresses, so a second DNS answer cannot
// lead to another address (SSRF).
import type { LookupAddress } from 'node:dns';
import { lookup as systemLookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { err, ok, type Result } from '../../domain/core/result.ts';

/** Returns all addresses of a host name. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

export const systemResolve: Resolve = (hostname) => systemLookup(hostname, { all: true });

/** Why there is no address to connect to. */
export type Unresolved = 'ssrf_blocked' | 'dns_not_found' | 'dns_failed';

/** @param hostname as WHATWG URL returns it: an IPv4 address in any notation is normalized by then */
export async function resolveTarget(
  hostname: string,
  { resolve, privateTargets }: { readonly resolve: Resolve; readonly privateTargets: boolean },
): Promise<Result<readonly LookupAddress[], Unresolved>> {
  const literal = hostname.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(literal);
  const found =
    family === 0 ? await resolveAll(hostname, resolve) : ok([{ address: literal, family }]);
  if (!found.ok) return found;
  if (found.value.length === 0) return err('dns_not_found');
  // A name with one address that is not public is refused: the next connect could use that address.
  const isAllowed = privateTargets || found.value.every(({ address }) => isPublicAddress(address));
  return isAllowed ? found : err('ssrf_blocked');
}

async function resolveAll(
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

const NOT_PUBLIC_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
] as const;

const v4 = listOf(NOT_PUBLIC_V4, 'ipv4');
const globalV6 = listOf(['2000::/3'], 'ipv6');
const reservedV6 = listOf(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'], 'ipv6');
/**
 * True for an address of the open internet. IPv6 has only global unicast without its reserved ranges, so every form
 * that embeds an IPv4 address (mapped, translated, 6to4, Teredo) is refused without parsing it.
 */
export function isPublicAddress(address: string): boolean {
  // An address with a zone (`fe80::1%eth0`) is link-local.
  if (isIPv4(address)) return !v4.check(address, 'ipv4');
  if (!isIPv6(address) || address.includes('%')) return false;
  return globalV6.check(address, 'ipv6') && !reservedV6.check(address, 'ipv6');
}

function listOf(ranges: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', bits] = range.split('/');
    list.addSubnet(network, Number(bits), family);
  }
  return list;
}

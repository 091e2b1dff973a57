// Which addresses of machines are public. For IPv4 a list of what is not; for IPv6 only what is given out
// as global unicast, less what is reserved in it: so every form that carries an IPv4 address inside
// (mapped, translated, 6to4, Teredo) is refused without being taken apart.
import { BlockList, isIPv4, isIPv6 } from 'node:net';

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

const GLOBAL_V6 = '2000::/3';

const NOT_PUBLIC_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'] as const;

const v4 = listOf(NOT_PUBLIC_V4, 'ipv4');
const globalV6 = listOf([GLOBAL_V6], 'ipv6');
const reservedV6 = listOf(NOT_PUBLIC_V6, 'ipv6');

/** True for an address of the open internet; false for everything else, text that is none included. */
export function isPublicAddress(address: string): boolean {
  // A zone (`fe80::1%eth0`) is of a link, never of the internet.
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

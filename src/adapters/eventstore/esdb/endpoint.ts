// Addresses of nodes.
import { isIPv6 } from 'node:net';

/** Where a node of the event store listens. IPv6 addresses have no brackets. */
export type Endpoint = { readonly address: string; readonly port: number };

/** `host:port`, for messages and as a key. */
export function endpointName({ address, port }: Endpoint): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}

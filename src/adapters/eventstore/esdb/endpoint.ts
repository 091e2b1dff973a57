// Addresses of nodes.
import { isIPv6 } from 'node:net';

/** Where a node of the event store listens. IPv6 addresses have no brackets. */
export type Endpoint = {
  readonly address: string;
  readonly port: number;
  /** One of the addresses that the name in `address` stands for; TLS still compares the certificate with the name. */
  readonly dialled?: string;
};

/** For messages and as a key: `host:port`, and which of the host's addresses is meant. */
export function endpointName({ dialled, ...named }: Endpoint): string {
  return dialled === undefined ? authorityOf(named) : `${authorityOf(named)} (${dialled})`;
}

/** `host:port`, as a URL has it. */
export function authorityOf({ address, port }: Endpoint): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}

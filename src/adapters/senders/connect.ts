// Opens one connection to the first address of a name that answers (Happy Eyeballs, RFC 8305). Each address was
// checked before, and the connected socket is checked once more. Node's own connect is not used, because it keeps
// one address for the whole attempt once TCP is open, even if nothing answers there. It also cannot check
// addresses.
import type { LookupAddress } from 'node:dns';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, rootCertificates } from 'node:tls';

/** After this many milliseconds without a connection the next address is tried beside the one before. */
const NEXT_AFTER_MS = 250;

/** The most addresses of one name that are tried. */
const MAX_ADDRESSES = 8;

export type Connected =
  | { readonly kind: 'connected'; readonly socket: Socket }
  | { readonly kind: 'unsent'; readonly code: 'connect_timeout' | 'network_error' }
  | { readonly kind: 'tls'; readonly code: 'tls_invalid' | 'tls_failed' }
  /** The receiver speaks none of the offered protocols. */
  | { readonly kind: 'no_protocol' };

export type ConnectOptions = {
  readonly url: URL;
  readonly addresses: readonly LookupAddress[];
  readonly protocol: 'http/1.1' | 'h2';
  /** Certificates that are trusted besides those of Node, as PEM. */
  readonly ca?: string | undefined;
};

/** Never rejects. With TLS, the connection has finished its handshake: nothing was sent to a wrong server. */
export function connectToFirst(options: ConnectOptions, signal: AbortSignal): Promise<Connected> {
  const { promise, resolve } = Promise.withResolvers<Connected>();
  const waiting = byFamilies(options.addresses).slice(0, MAX_ADDRESSES);
  const open = new Set<Socket>();
  const errors: Error[] = [];
  let nextTry: NodeJS.Timeout | undefined;

  const finish = (connected: Connected): void => {
    clearTimeout(nextTry);
    signal.removeEventListener('abort', giveUp);
    waiting.length = 0;
    for (const socket of open) socket.destroy();
    open.clear();
    resolve(connected);
  };
  const giveUp = (): void => {
    finish({ kind: 'unsent', code: 'connect_timeout' });
  };
  const tryNext = (): void => {
    clearTimeout(nextTry);
    const address = waiting.shift();
    if (address === undefined) {
      if (open.size === 0) finish(failureOf(errors));
      return;
    }
    const socket = dial(options, address);
    open.add(socket);
    const failed = (error: Error): void => {
      // The first that answers destroys the others: their errors say nothing.
      if (!open.delete(socket)) return;
      errors.push(error);
      tryNext();
    };
    socket.on('error', failed);
    socket.once(options.url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
      if (!open.has(socket)) return;
      if (socket.remoteAddress !== undefined && !isSame(socket.remoteAddress, address)) {
        socket.destroy(new Error('connected to another address'));
        return;
      }
      // The listener of errors stays: the socket can break before the request listens.
      open.delete(socket);
      finish({ kind: 'connected', socket });
    });
    nextTry = setTimeout(tryNext, NEXT_AFTER_MS);
  };

  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  else tryNext();
  return promise;
}

function dial({ url, protocol, ca }: ConnectOptions, { address, family }: LookupAddress): Socket {
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  const to = { host: address, family, port };
  if (url.protocol !== 'https:') return connectTcp(to);
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const trusted = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  // A certificate for an address is checked against the address; a server name must not be one.
  const name = isIP(hostname) === 0 ? { servername: hostname } : {};
  return connectTls({ ...to, ...name, ...trusted, ALPNProtocols: [protocol] });
}

/** The families in turns, beginning with that of the first address: a family may lead nowhere. */
function byFamilies(addresses: readonly LookupAddress[]): LookupAddress[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family);
  return addresses.flatMap((_, at) => [...first.slice(at, at + 1), ...second.slice(at, at + 1)]);
}

function failureOf(errors: readonly Error[]): Connected {
  const codes = errors.map((error) => ('code' in error ? String(error.code) : ''));
  const has = (pattern: RegExp): boolean => codes.some((code) => pattern.test(code));
  if (has(/NO_APPLICATION_PROTOCOL/)) return { kind: 'no_protocol' };
  // An address that is away for a while may have the valid certificate.
  const invalid = /^ERR_TLS_|CERT|SELF_SIGNED|UNABLE_TO_/;
  if (codes.length > 0 && codes.every((code) => invalid.test(code))) {
    return { kind: 'tls', code: 'tls_invalid' };
  }
  if (has(/^ERR_SSL_|^EPROTO$/)) return { kind: 'tls', code: 'tls_failed' };
  return { kind: 'unsent', code: 'network_error' };
}

function isSame(remote: string, { address }: LookupAddress): boolean {
  return (
    remote === address || remote === `::ffff:${address}` || shortest(remote) === shortest(address)
  );
}

/** IPv6 addresses have several notations. */
function shortest(address: string): string {
  return URL.parse(`http://[${address}]/`)?.hostname ?? address;
}

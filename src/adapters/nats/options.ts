// Options for a connection to NATS: Tocsin's options, and the client's options. Messages and logs show addresses
// without secrets.
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions, credsAuthenticator } from 'nats';
import { TocsinError } from '../../domain/core/errors.ts';

/** Credentials of this client. */
export type NatsCredentials =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }
  /** Path of a `.creds` file; read at every connection, so that it can be rotated. */
  | { readonly credsFile: string };

/** Paths of PEM files. Giving any of them, or a `tls://` address, makes TLS mandatory. */
export type NatsTls = {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
};

/** How to reach a NATS server or cluster. */
export type NatsConnectionOptions = {
  /** `nats://host:port` or `tls://host:port`, one or several; `user:password@` or `token@` may stand before the host. */
  readonly servers: string | readonly string[];
  readonly credentials?: NatsCredentials | undefined;
  readonly tls?: NatsTls | undefined;
  /** What the server's monitoring calls this connection. */
  readonly name?: string | undefined;
  /** Subject prefix of replies, for accounts that may not use the default `_INBOX`. */
  readonly inboxPrefix?: string | undefined;
  /** Per attempt; default 5,000. */
  readonly connectTimeoutMs?: number | undefined;
};

const connectTimeoutMs = 5_000;

/** A half-open connection is noticed after `pingIntervalMs * maxPingsOut`, also when nothing is published. */
const pingIntervalMs = 5_000;
const maxPingsOut = 2;

type Address = {
  readonly server: string;
  readonly host: string;
  readonly tls: boolean;
  readonly credentials: NatsCredentials | undefined;
};

/** An address without user, password and token. Any other text of a user may be the secret, so it is replaced. */
export function redactUrl(url: string): string {
  return url
    .split(',')
    .map((part) => {
      const parsed = parseUrl(part.trim());
      return parsed === undefined ? '(not an address)' : `${parsed.protocol}//${parsed.host}`;
    })
    .join(',');
}

/** The servers of the options, without secrets, for messages. */
export function describeServers(options: NatsConnectionOptions): string {
  return listServers(options).map(redactUrl).join(',');
}

/**
 * The client's options. The client never reconnects: one connection is one epoch.
 *
 * @param inboxPrefix subject prefix of replies; it carries the epoch
 * @throws TocsinError (`usage`) for an address or a file that cannot be used
 * @internal
 */
export function clientOptions(
  options: NatsConnectionOptions,
  inboxPrefix: string,
  authenticatorOf: typeof credsAuthenticator,
): ConnectionOptions {
  const addresses = listServers(options).map(parseServer);
  if (addresses.length === 0) throw usage('nats_servers', 'No NATS server is given.');
  const tls = tlsOptions(options.tls, addresses);
  return {
    servers: addresses.map((address) => address.server),
    name: options.name ?? 'tocsin',
    timeout: options.connectTimeoutMs ?? connectTimeoutMs,
    reconnect: false,
    pingInterval: pingIntervalMs,
    maxPingOut: maxPingsOut,
    ignoreClusterUpdates: true,
    noAsyncTraces: true,
    inboxPrefix,
    // The client queries DNS itself, so it would not find names of /etc/hosts such as localhost offline.
    resolve: addresses.some(({ host }) => host !== 'localhost' && isIP(host) === 0),
    ...(tls === undefined ? {} : { tls }),
    ...authentication(options.credentials ?? commonCredentials(addresses), authenticatorOf),
  };
}

/** The addresses, one by one. */
export function listServers({ servers }: NatsConnectionOptions): readonly string[] {
  return (typeof servers === 'string' ? servers.split(',') : servers)
    .map((server) => server.trim())
    .filter((server) => server !== '');
}

function parseServer(text: string): Address {
  const url = parseUrl(text);
  if (url === undefined || (url.pathname !== '' && url.pathname !== '/')) {
    throw usage('nats_servers', `${redactUrl(text)} is not an address of a NATS server.`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    // Without the credentials: the client reads a numeric password as the port.
    server: `${url.hostname}:${url.port === '' ? '4222' : url.port}`,
    host,
    tls: url.protocol === 'tls:',
    credentials: urlCredentials(url),
  };
}

function parseUrl(text: string): URL | undefined {
  const withScheme = text.includes('://') ? text : `nats://${text}`;
  const url = URL.parse(withScheme);
  return url !== null && /^(nats|tls):$/.test(url.protocol) && url.hostname !== ''
    ? url
    : undefined;
}

function urlCredentials(url: URL): NatsCredentials | undefined {
  if (url.username === '') return undefined;
  const user = decodePart(url.username);
  return url.password === '' ? { token: user } : { user, password: decodePart(url.password) };
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw usage('nats_servers', 'A % in user or password of the address is not encoded.', cause);
  }
}

function commonCredentials(addresses: readonly Address[]): NatsCredentials | undefined {
  const given = new Set(addresses.map(({ credentials }) => JSON.stringify(credentials)));
  // The client sends one set to all servers; the set of the first address could go to a wrong server.
  if (given.size > 1) {
    throw usage('nats_servers', 'The servers carry different credentials; give one for all.');
  }
  return addresses[0]?.credentials;
}

function authentication(
  credentials: NatsCredentials | undefined,
  authenticatorOf: typeof credsAuthenticator,
): ConnectionOptions {
  if (credentials === undefined) return {};
  if ('token' in credentials) return { token: credentials.token };
  if ('user' in credentials) return { user: credentials.user, pass: credentials.password };
  return { authenticator: authenticatorOf(readFile(credentials.credsFile, 'credentials')) };
}

function tlsOptions(
  files: NatsTls | undefined,
  addresses: readonly Address[],
): NonNullable<ConnectionOptions['tls']> | undefined {
  const wanted = files !== undefined && Object.values(files).some((file) => file !== undefined);
  if (!wanted && !addresses.some(({ tls }) => tls)) return undefined;
  const read = (name: keyof NatsTls, what: string): Partial<Record<keyof NatsTls, string>> => {
    const file = files?.[name];
    return file === undefined ? {} : { [name]: readFile(file, what).toString('utf8') };
  };
  return { ...read('ca', 'CA'), ...read('cert', 'certificate'), ...read('key', 'key') };
}

function readFile(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw usage('nats_file', `The ${what} file ${path} for NATS cannot be read.`, cause);
  }
}

function usage(code: string, message: string, cause?: unknown): TocsinError {
  return new TocsinError('usage', code, message, {
    hint: 'Write servers as nats://host:4222 (tls://host:4222 for TLS), separated by commas, and check the files.',
    cause,
  });
}

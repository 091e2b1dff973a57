// Serves a `fetch` handler at a socket.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { TocsinError } from '../../../domain/core/errors.ts';
import { nodeHandler, type FetchApp } from './node-handler.ts';

/** How long requests in flight may take after the server stops listening. */
const CLOSE_GRACE_MS = 1_000;

/** After how many milliseconds a client that does not go on loses its connection, and how often that is looked at. */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 2_000,
};

/** Probes find a peer that has gone without a word. */
const PROBES = { keepAlive: true, keepAliveInitialDelay: 30_000 };

export type ServeOptions = {
  readonly host?: string;
  readonly port: number;
  /** @internal Shorter ones, for tests. */
  readonly limits?: typeof LIMITS;
};

export type HttpServer = {
  /** The address with the actual port: `http://127.0.0.1:9090`. */
  readonly url: string;
  /** Stops listening, waits a second for requests in flight, and then closes their connections. */
  readonly close: () => Promise<void>;
};

/** Serves an app over HTTP. Default host: `127.0.0.1`; port 0 takes any free port. */
export async function serveHttp(
  app: FetchApp,
  { host = '127.0.0.1', port, limits = LIMITS }: ServeOptions,
): Promise<HttpServer> {
  const server = createServer({ ...PROBES, ...limits }, nodeHandler(app));
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (cause) {
    throw listenError(host, port, cause);
  }
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${bound}`,
    close: () => close(server),
  };
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const cut = setTimeout(() => {
    server.closeAllConnections();
  }, CLOSE_GRACE_MS);
  await closed;
  clearTimeout(cut);
}

const FAILURES: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  EADDRINUSE: [
    'is in use by another process',
    'Stop that process, or listen at another port; port 0 takes any free port.',
  ],
  EACCES: [
    'needs privileges that this user lacks',
    'Use a port above 1023; port 0 takes any free port.',
  ],
};

function listenError(host: string, port: number, cause: unknown): TocsinError {
  const known =
    cause instanceof Error && 'code' in cause ? FAILURES[String(cause.code)] : undefined;
  const [what, hint] = known ?? [
    'is not an address to listen at',
    'Use an address of this machine, such as 127.0.0.1, and a port up to 65535.',
  ];
  return new TocsinError('usage', 'http_unavailable', `${host}:${port} ${what}`, { hint, cause });
}

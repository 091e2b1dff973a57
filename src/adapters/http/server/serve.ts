// One listening socket for a `fetch` handler.
import { createServer, type Server } from 'node:http';
import { isIPv6 } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { TocsinError } from '../../../domain/core/errors.ts';

/** How long requests in flight may take once the server closes. */
const CLOSE_GRACE_MS = 1_000;

/** Anything with a `fetch` handler: a hono app, say. */
export type FetchApp = { readonly fetch: (request: Request) => Response | Promise<Response> };

export type HttpServer = {
  /** Where it listens, with the port that it got: `http://127.0.0.1:9090`. */
  readonly url: string;
  /** Stops listening, lets requests in flight end within a second, and cuts those that do not. */
  readonly close: () => Promise<void>;
};

/**
 * Serves an app over HTTP.
 *
 * @param address.host default `127.0.0.1`: nobody outside this machine
 * @param address.port 0 takes any free one
 * @throws TocsinError `usage` when the address is taken, not allowed or not this machine's
 */
export async function serveHttp(
  app: FetchApp,
  { host = '127.0.0.1', port }: { readonly host?: string; readonly port: number },
): Promise<HttpServer> {
  // Replacing the process' own Request and Response is not ours to do.
  const listener = getRequestListener((request) => app.fetch(request), {
    overrideGlobalObjects: false,
  });
  const server = createServer((request, response) => {
    void listener(request, response);
  });
  await listen(server, host, port);
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${bound}`,
    close: () => close(server),
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  server.once('error', reject);
  server.listen({ host, port }, () => {
    resolve(undefined);
  });
  try {
    await promise;
  } catch (cause) {
    throw listenError(host, port, cause);
  } finally {
    server.off('error', reject);
  }
}

async function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  server.close(() => {
    resolve(undefined);
  });
  server.closeIdleConnections();
  const cut = setTimeout(() => {
    server.closeAllConnections();
  }, CLOSE_GRACE_MS);
  await promise;
  clearTimeout(cut);
}

const FAILURES: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  EADDRINUSE: [
    'is taken by another process',
    'Stop that process, or listen elsewhere; port 0 takes any free one.',
  ],
  EACCES: [
    'is not for this user to listen at',
    'Use a port above 1023; port 0 takes any free one.',
  ],
};

function listenError(host: string, port: number, cause: unknown): TocsinError {
  const known =
    cause instanceof Error && 'code' in cause ? FAILURES[String(cause.code)] : undefined;
  const [what, hint] = known ?? [
    'cannot be listened at',
    'Use an address of this machine, such as 127.0.0.1, and a port up to 65535.',
  ];
  return new TocsinError('usage', 'http_unavailable', `${host}:${port} ${what}`, { hint, cause });
}

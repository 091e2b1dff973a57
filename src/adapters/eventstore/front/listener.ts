// Listens for gRPC and HTTP/1.1 on one port: the first bytes of a connection say which of the two it is. The sockets are
// ours: gRPC's own stop waits for ever for a client that does not read, and for one that never spoke its protocol.
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { createSecureContext, createServer as createTlsServer } from 'node:tls';
import { TocsinError } from '../../../domain/core/errors.ts';

export type Address = { readonly host: string; readonly port: number };

export type Tls = { readonly key: string; readonly certificate: string };

export type ListenerOptions = {
  readonly listen: Address;
  readonly tls: Tls | undefined;
  readonly onHttp2: (connection: Socket) => void;
  /** Called with 1 for a new connection, and with -1 at its end. */
  readonly onConnections: (change: number) => void;
  readonly onRequest: RequestListener;
};

export type Listener = {
  readonly port: number;
  /** Takes no more connections and ends those of HTTP/1.1. */
  readonly close: () => void;
  /** Resolves when it is closed and the last connection has ended. */
  readonly closed: Promise<void>;
  /** Destroys all connections. */
  readonly destroy: () => void;
  /** New connections get this certificate; open ones stay. @throws Error when key and certificate do not fit */
  readonly renew: (tls: Tls) => void;
};

/** The first bytes of every HTTP/2 connection, and of no request of HTTP/1.1. */
const PREFACE = Buffer.from('PRI');
/** A connection that says nothing for this long is closed. */
const FIRST_BYTES_MS = 10_000;

/** For requests of probes, which are short. */
const HTTP_LIMITS = {
  keepAliveTimeout: 1_000,
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 2_000,
};

/** @throws TocsinError `usage` when the address cannot be used */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { tls, onHttp2 } = options;
  const http = createHttpServer(HTTP_LIMITS, options.onRequest);
  const undecided = new Set<Socket>();
  const accept = (socket: Socket): void => {
    undecided.add(socket);
    const timer = setTimeout(() => {
      socket.destroy();
    }, FIRST_BYTES_MS);
    const decided = (): void => {
      clearTimeout(timer);
      undecided.delete(socket);
      socket.off('close', decided);
      socket.off('error', ignore);
    };
    const look = (): void => {
      const bytes: unknown = socket.read();
      if (!(bytes instanceof Buffer)) {
        socket.once('readable', look);
        return;
      }
      decided();
      socket.unshift(bytes);
      const isHttp2 = bytes.subarray(0, PREFACE.length).equals(PREFACE.subarray(0, bytes.length));
      if (isHttp2) onHttp2(socket);
      else http.emit('connection', socket);
    };
    socket.on('error', ignore);
    socket.on('close', decided);
    socket.once('readable', look);
  };
  const secure =
    tls === undefined
      ? undefined
      : createTlsServer(
          {
            key: tls.key,
            cert: tls.certificate,
            ALPNProtocols: ['h2', 'http/1.1'],
            noDelay: true,
          },
          accept,
        );
  const server = secure ?? createTcpServer({ noDelay: true }, accept);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    options.onConnections(1);
    socket.once('close', () => {
      sockets.delete(socket);
      options.onConnections(-1);
    });
  });
  const port = await opened(server, options.listen);
  return {
    port,
    closed: new Promise((resolve) => {
      server.once('close', resolve);
    }),
    renew({ key, certificate: cert }) {
      // It fails here, and not at the next connection.
      createSecureContext({ key, cert });
      secure?.setSecureContext({ key, cert });
    },
    destroy() {
      for (const socket of sockets) socket.destroy();
    },
    close() {
      server.close();
      http.closeAllConnections();
      for (const socket of undecided) socket.destroy();
    },
  };
}

/** An error of a connection that has not said anything: its end says enough. */
function ignore(): void {
  return undefined;
}

async function opened(server: Server, { host, port }: Address): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const message = `cannot listen on ${host}:${port}: ${detail}`;
    throw new TocsinError('usage', 'address_unusable', message, {
      hint: 'Another program may use the port; give another one, or 0 for a free one.',
      cause,
    });
  }
  const bound: AddressInfo | string | null = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('the server has no port');
  return bound.port;
}

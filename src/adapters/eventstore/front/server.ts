// The gRPC server of the front: options, credentials, start and stop. The listener and its sockets are ours: gRPC's
// own stop waits for ever for a client that does not read, and for one that never spoke its protocol.
import { once } from 'node:events';
import { createServer, type Server as Listener, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { EmbeddedEngine } from '../embedded/open.ts';
import { gate } from './authorization.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import { addServices } from './services.ts';

/** Running calls get this long to end when the front closes; then all connections are destroyed. */
const CLOSE_MS = 2_000;
/** Pings find dead connections; a client may be busy for a while without answering one. */
const KEEPALIVE_MS = 30_000;
/** The server accepts this much of a large append before the client has to wait for it. */
const RECEIVE_WINDOW_BYTES = 1024 * 1024;

export type ServerSettings = {
  readonly engine: EmbeddedEngine;
  readonly host: string;
  /** Port 0 takes a free one. */
  readonly port: number;
  readonly token: string | undefined;
  readonly tls: { readonly key: string; readonly certificate: string } | undefined;
};

export type RunningServer = { readonly port: number; readonly close: () => Promise<void> };

/** Starts listening. @throws TocsinError `usage` when the address cannot be used */
export async function startServer(settings: ServerSettings): Promise<RunningServer> {
  const { engine, host, token, tls } = settings;
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_MS,
    'grpc-node.flow_control_window': RECEIVE_WINDOW_BYTES,
  });
  const closing = new AbortController();
  let port = 0;
  addServices(server, {
    engine,
    gate: gate(token),
    closing: closing.signal,
    address: () => ({ host, port }),
  });
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
          { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.certificate) },
        ]);
  const injector = server.createConnectionInjector(credentials);
  const sockets = new Set<Socket>();
  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  port = await listen(listener, host, settings.port);
  return {
    port,
    async close() {
      closing.abort();
      const closed = once(listener, 'close');
      listener.close();
      const ended = new Promise<void>((resolve) => {
        server.tryShutdown(() => {
          resolve();
        });
      });
      const over = new AbortController();
      await Promise.race([
        Promise.all([ended, closed]),
        sleep(CLOSE_MS, undefined, { signal: over.signal }),
      ]);
      over.abort();
      server.forceShutdown();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function listen(listener: Listener, host: string, port: number): Promise<number> {
  try {
    listener.listen({ host, port });
    await once(listener, 'listening');
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    const message = `cannot listen on ${host}:${port}: ${detail}`;
    throw new TocsinError('usage', 'address_unusable', message, {
      hint: 'Another program may use the port; give another one, or 0 for a free one.',
      cause,
    });
  }
  const address = listener.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

// The gRPC server of the front: options, credentials, start and stop.
import { promisify } from 'node:util';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { EmbeddedEngine } from '../embedded/open.ts';
import { gate } from './authorization.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import { addServices } from './services.ts';

/** Running calls get this long to end when the front closes. */
const CLOSE_MS = 2_000;
/** Pings find dead connections; a client may be busy for a while without answering one. */
const KEEPALIVE_MS = 30_000;
/** The server accepts this much of a large append before the client has to wait for it. */
const RECEIVE_WINDOW_BYTES = 1024 * 1024;

export type ServerSettings = {
  readonly engine: EmbeddedEngine;
  readonly host: string;
  /** `host:port` to listen on; port 0 takes a free one. */
  readonly address: string;
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
  port = await listen(server, settings.address, credentials);
  return {
    port,
    close() {
      closing.abort();
      return shutDown(server);
    },
  };
}

async function listen(server: Server, address: string, credentials: ServerCredentials) {
  try {
    return await promisify(server.bindAsync.bind(server))(address, credentials);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new TocsinError('usage', 'address_unusable', `cannot listen on ${address}: ${detail}`, {
      hint: 'Another program may use the port; give another one, or 0 for a free one.',
      cause,
    });
  }
}

function shutDown(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
    }, CLOSE_MS);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

// The server of the front: gRPC and HTTP on one port; options, start and stop.
import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { Logger } from '../../../domain/ports/logger.ts';
import type { Telemetry } from '../../../domain/ports/telemetry.ts';
import type { EmbeddedEngine } from '../embedded/open.ts';
import { gate } from './authorization.ts';
import { frontContext, type Phases, type ServerState } from './context.ts';
import { httpRoutes } from './http-routes.ts';
import { listen, type Address, type Listener, type Tls } from './listener.ts';
import {
  MAX_MESSAGE_BYTES,
  MAX_OUTGOING,
  UNBOUNDED_OUTGOING,
  type OutgoingLimits,
} from './limits.ts';
import { outgoingBytes } from './outgoing-bytes.ts';
import type { Like } from './server-version.ts';
import { addServices } from './services.ts';

/** Running calls get this long to end when the front closes; then all connections are destroyed. */
const CLOSE_MS = 2_000;
/** Pings find dead connections; a client may be busy for a while without answering one. */
const KEEPALIVE_MS = 30_000;
/** The server accepts this much of a large append before the client has to wait for it. */
const RECEIVE_WINDOW_BYTES = 1024 * 1024;

export type ServerSettings = {
  readonly engine: EmbeddedEngine;
  readonly like: Like;
  readonly state: ServerState;
  readonly phases: Partial<Phases> | undefined;
  readonly outgoing: Partial<OutgoingLimits> | undefined;
  readonly scavenge: () => void;
  /** Port 0 takes a free one. */
  readonly listen: Address;
  /** The address that gossip names; default: the one that is listened on. */
  readonly advertise: Address | undefined;
  readonly token: string | undefined;
  readonly tls: Tls | undefined;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  readonly metrics: (() => Promise<string>) | undefined;
};

export type RunningServer = Pick<Listener, 'port' | 'renew'> & {
  readonly close: () => Promise<void>;
};

/** Starts listening. @throws TocsinError `usage` when the address cannot be used */
export async function startServer(settings: ServerSettings): Promise<RunningServer> {
  const { engine, like, state, token, tls, advertise, telemetry, logger, metrics } = settings;
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_MS,
    'grpc-node.flow_control_window': RECEIVE_WINDOW_BYTES,
  });
  const closing = new AbortController();
  const instanceId = randomUUID();
  let port = 0;
  const address = (): Address => advertise ?? { host: settings.listen.host, port };
  const base = frontContext(engine, like, closing.signal, state, settings.phases);
  const limits = like === undefined ? MAX_OUTGOING : UNBOUNDED_OUTGOING;
  const outgoing = outgoingBytes({ ...limits, ...settings.outgoing }, (ended) => {
    logger.warn(
      ended,
      'ended a reader that takes nothing: others wait for the memory that it holds',
    );
  });
  const context = { ...base, telemetry, outgoing };
  const { scavenge } = settings;
  const parts = { context, gate: gate(token), instanceId, address, scavenge, remover: engine };
  addServices(server, parts);
  // The listener has done TLS already.
  const grpc = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = await listen({
    listen: settings.listen,
    tls,
    onConnections: (change) => {
      telemetry.count('tocsin.front.connections', {}, change);
    },
    onHttp2: (connection) => {
      grpc.injectConnection(connection);
    },
    onRequest: httpRoutes({
      like,
      instanceId,
      address,
      hasToken: token !== undefined,
      head: engine.rows.head,
      metrics,
    }),
  });
  ({ port } = listener);
  return {
    port,
    renew: listener.renew,
    async close() {
      closing.abort();
      listener.close();
      const ended = new Promise<void>((resolve) => {
        server.tryShutdown(() => {
          resolve();
        });
      });
      const over = new AbortController();
      await Promise.race([
        Promise.all([ended, listener.closed]),
        sleep(CLOSE_MS, undefined, { signal: over.signal }),
      ]);
      over.abort();
      server.forceShutdown();
      listener.destroy();
      await listener.closed;
    },
  };
}

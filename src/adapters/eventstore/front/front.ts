// The front: EventStoreDB's own protocol before the embedded engine, so that its official client, and
// everything written for it, works on one machine without a server to install.
import { isIP } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { TocsinError } from '../../../domain/core/errors.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import { NO_STREAM } from '../common/revisions.ts';
import { openEngine, type EmbeddedEngine } from '../embedded/open.ts';
import { gate } from './authorization.ts';
import { DEFAULT_MAX_APPEND_BYTES, MAX_MESSAGE_BYTES, REMEMBERED_IDS } from './limits.ts';
import { addServices } from './services.ts';

/** What is served: a file, which the front then owns, or an engine that the caller owns and closes. */
export type FrontStore = { readonly file: string } | { readonly engine: EmbeddedEngine };

export type FrontOptions = FrontStore & {
  /** The address to listen on. Default: 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0, the default, takes a free one. */
  readonly port?: number | undefined;
  /** Lets `host` be an address that other machines reach. It then needs a `token`. */
  readonly allowRemote?: boolean | undefined;
  /**
   * What callers have to send: as `Bearer`, or as the password of `Basic` with any user. The official client
   * sends its password over TLS only, so for it a token goes with `tls`.
   */
  readonly token?: string | undefined;
  /** Key and certificate in PEM. Without them the connection is in clear text. */
  readonly tls?: { readonly key: string; readonly certificate: string } | undefined;
  /** The most that one append may hold. Default: 1 MiB, as EventStoreDB has it. */
  readonly maxAppendBytes?: number | undefined;
  readonly logger?: Logger | undefined;
};

export type Front = {
  /** For the official client: `esdb://127.0.0.1:2113?tls=false`. */
  readonly url: string;
  readonly port: number;
  /** Answers what is being written, ends everything else, and closes the store if the front owns it. */
  readonly close: () => Promise<void>;
};

/** Calls that are under way get this long to end when the front closes. */
const CLOSE_MS = 2_000;
/** Dead connections are found by pings; a client that is busy for a while is not dead. */
const KEEPALIVE_MS = 30_000;
/** The server takes this much of a large append before it has to say that there is room for more. */
const RECEIVE_WINDOW_BYTES = 1024 * 1024;

/**
 * Opens the store and serves it.
 *
 * @throws TocsinError `usage` for an address that needs `allowRemote` and a token, and where nothing can
 * listen; like `embeddedStore` when the file cannot be opened
 */
export async function createFront(options: FrontOptions): Promise<Front> {
  const { host = '127.0.0.1', token, tls, logger = silentLogger } = options;
  checkAddress(host, options);
  await using undo = new AsyncDisposableStack();
  const engine =
    'engine' in options
      ? options.engine
      : undo.use(
          await openEngine(
            { file: options.file, holder: 'tocsin store' },
            { rememberIds: REMEMBERED_IDS },
          ),
        );
  await markAsServed(engine);

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
    limits: { maxAppendBytes: options.maxAppendBytes ?? DEFAULT_MAX_APPEND_BYTES },
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
  port = await listen(server, `${hostInUrl(host)}:${options.port ?? 0}`, credentials);
  undo.defer(() => shutDown(server));
  undo.defer(() => {
    closing.abort();
  });
  const resources = undo.move();
  logger.info({ host, port, tls: tls !== undefined }, 'serving the store');
  let closed: Promise<void> | undefined;
  return {
    url: `esdb://${hostInUrl(host)}:${port}?tls=${tls !== undefined}`,
    port,
    close() {
      closed ??= resources.disposeAsync();
      return closed;
    },
  };
}

function checkAddress(host: string, { allowRemote = false, token }: FrontOptions): void {
  const local =
    host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  if (local) return;
  if (!allowRemote) {
    throw new TocsinError(
      'usage',
      'address_not_local',
      `${host} can be reached from other machines`,
      { hint: 'Listen on 127.0.0.1, or allow remote callers explicitly and set a token.' },
    );
  }
  if (token === undefined || token === '') {
    throw new TocsinError('usage', 'token_missing', `listening on ${host} needs a token`, {
      hint: 'Set a token that callers send; anyone who reaches the address could write otherwise.',
    });
  }
}

function hostInUrl(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

/**
 * A log is never without an event of the server's own: clients rely on it, and a real server writes several
 * when it is made. It lies in a stream that nobody's filter names.
 */
async function markAsServed(engine: EmbeddedEngine): Promise<void> {
  if (engine.rows.lastRevision(MARK_STREAM) >= 0n) return;
  const data = JSON.stringify({ server: 'tocsin' });
  await engine.append(
    {
      stream: MARK_STREAM,
      expected: NO_STREAM,
      events: [
        {
          id: crypto.randomUUID(),
          type: '$store-created',
          isJson: true,
          data,
          metadata: '',
          bytes: data.length,
        },
      ],
    },
    CLOSE_MS,
  );
}

const MARK_STREAM = '$store';

function listen(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) {
        resolve(port);
        return;
      }
      reject(
        new TocsinError(
          'usage',
          'address_unusable',
          `cannot listen on ${address}: ${error.message}`,
          {
            hint: 'Another program may have the port; name another one, or 0 for a free one.',
            cause: error,
          },
        ),
      );
    });
  });
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

// The front: serves an embedded store over EventStoreDB's protocol, to the official client and its tools.
import { isIP } from 'node:net';
import { TocsinError } from '../../../domain/core/errors.ts';
import { silentLogger, type Logger } from '../../../domain/ports/logger.ts';
import { noTelemetry, type Telemetry } from '../../../domain/ports/telemetry.ts';
import { isLoopback } from '../../http/server/address.ts';
import { NO_STREAM } from '../common/revisions.ts';
import { openEngine, type EmbeddedEngine } from '../embedded/open.ts';
import { keepProtoPrivate } from '../wire/private-proto.ts';
import { countAppends } from './count-appends.ts';
import { reportFullDisk } from './full-disk.ts';
import { REMEMBERED_IDS, type OutgoingLimits } from './limits.ts';
import type { Phases, ServerState } from './context.ts';
import type { Address, Tls } from './listener.ts';
import type { RunningServer, ServerSettings } from './server.ts';
import { scavenge } from './scavenge.ts';
import type { Like, ServerVersion } from './server-version.ts';

export type FrontOptions = {
  /** The store's file, which the front then owns. */
  readonly file: string;
  /** The address to listen on. Default: 127.0.0.1. */
  readonly host?: string | undefined;
  /** Default: 0, a free port. */
  readonly port?: number | undefined;
  /** Lets `host` be an address that other machines reach. It then needs a `token`. */
  readonly allowRemote?: boolean | undefined;
  /**
   * The token that callers send: as `Bearer`, or as the password of `Basic` with any user. The official client
   * sends a password over TLS only.
   */
  readonly token?: string | undefined;
  /** Key and certificate in PEM. Without them the connection is in clear text. */
  readonly tls?: Tls | undefined;
  /** The address that clients are told when they ask for the members of the cluster. Default: the one listened on. */
  readonly advertise?: Address | undefined;
  /** The version of EventStoreDB to imitate. Default: none; the front is then kinder than any server. */
  readonly like?: ServerVersion | undefined;
  readonly logger?: Logger | undefined;
  /** Gets metrics of connections, appends and subscriptions. Default: none. */
  readonly telemetry?: Telemetry | undefined;
  /** The Prometheus text of `/metrics`. Absent: there is no such page. */
  readonly metrics?: (() => Promise<string>) | undefined;
  /** @internal For tests: how long the parts of an append may take, instead of the times of the version. */
  readonly phases?: Partial<Phases> | undefined;
  /** @internal For tests: other bounds of unsent bytes. */
  readonly outgoing?: Partial<OutgoingLimits> | undefined;
  /** @internal For tests: the file may have this many pages, as on a full disk. */
  readonly maxPages?: number | undefined;
};

export type Front = {
  /** For the official client: `esdb://127.0.0.1:2113?tls=false`. */
  readonly url: string;
  readonly port: number;
  /** Removes what metadata and deletions hide, as a server's scavenge does. Only for tests, with `like`. */
  readonly scavenge: () => void;
  /** Whether the server says that it is ready. Only for tests, with `like`. */
  readonly setReady: (isReady: boolean) => void;
  /** New connections get this certificate; open ones stay. @throws Error when key and certificate do not fit */
  readonly renewTls: (tls: Tls) => void;
  /** Answers the appends that are being written, ends all other calls, and closes the store. */
  readonly close: () => Promise<void>;
};

/** How long the append of the mark may take. */
const MARK_MS = 2_000;

/** Opens the store and serves it. @throws TocsinError `usage` for the address; like `embeddedStore` for the file */
export async function createFront(options: FrontOptions): Promise<Front> {
  const { file, host = '127.0.0.1', token, tls, like, advertise, logger = silentLogger } = options;
  checkAddress(host, options);
  await using undo = new AsyncDisposableStack();
  const store = { file, holder: 'tocsin store' };
  const { maxPages } = options;
  const settings = { rememberIds: REMEMBERED_IDS, ...(maxPages === undefined ? {} : { maxPages }) };
  const { telemetry = noTelemetry, metrics } = options;
  const opened = undo.use(await openEngine(store, settings));
  const engine = countAppends(reportFullDisk(opened, logger), telemetry);
  await markAsServed(engine, like);
  const state: ServerState = { isReady: true, scavengedTo: 0n };

  const scavengeAll = (): void => {
    scavenge(file, engine.rows);
    state.scavengedTo = engine.rows.head();
  };
  const listen = { host, port: options.port ?? 0 };
  const server = await loadAndStart({
    engine,
    like,
    phases: options.phases,
    outgoing: options.outgoing,
    state,
    scavenge: scavengeAll,
    listen,
    advertise,
    token,
    tls,
    telemetry,
    logger,
    metrics,
  });
  undo.defer(server.close);
  const resources = undo.move();
  const { port } = server;
  logger.info({ host, port, tls: tls !== undefined }, 'serving the store');
  let closed: Promise<void> | undefined;
  return {
    url: `esdb://${hostInUrl(host)}:${port}?tls=${tls !== undefined}`,
    port,
    scavenge: scavengeAll,
    setReady(isReady) {
      state.isReady = isReady;
    },
    renewTls: server.renew,
    close() {
      closed ??= resources.disposeAsync();
      return closed;
    },
  };
}

/** The server loads gRPC and the generated classes, so it is loaded only when a front starts. */
async function loadAndStart(settings: ServerSettings): Promise<RunningServer> {
  keepProtoPrivate('@eventstore/db-client/generated/shared_pb.js');
  const { startServer } = await import('./server.ts');
  return startServer(settings);
}

function checkAddress(host: string, { allowRemote = false, token }: FrontOptions): void {
  if (isLoopback(host)) return;
  if (!allowRemote) {
    const message = `${host} can be reached from other machines`;
    throw new TocsinError('usage', 'address_not_local', message, {
      hint: 'Listen on 127.0.0.1, or allow remote callers explicitly and set a token.',
    });
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

/** Appends the server's own first event: clients rely on a log that is never empty. No filter of a user names it. */
async function markAsServed(engine: EmbeddedEngine, like: Like): Promise<void> {
  if (engine.rows.head() > 0n && like !== undefined) return;
  for (const { stream, type, data } of like === undefined ? [OWN_MARK] : MARKS_OF_SERVERS) {
    if (engine.rows.lastRevision(stream) >= 0n) continue;
    const bytes = data.length;
    const events = [{ id: crypto.randomUUID(), type, isJson: true, data, metadata: '', bytes }];
    await engine.append({ stream, expected: NO_STREAM, events }, MARK_MS);
  }
}

const OWN_MARK = {
  stream: '$store',
  type: '$store-created',
  data: JSON.stringify({ server: 'tocsin' }),
};

/** The log of a new server: a hidden record, and the one event that clients see. */
const MARKS_OF_SERVERS = [
  { stream: '$epoch-information', type: '$epoch-information', data: '{}' },
  {
    stream: '$$$scavenges',
    type: '$metadata',
    data: JSON.stringify({ $maxAge: 2_592_000 }),
  },
];

// Converts the adapter's options to the arguments of a connection.
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { isLoopback } from '../../http/server/address.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Logger } from '../../../domain/ports/logger.ts';
import { assertInstalled, type ClientName } from './client.ts';
import { parseConnectionString, type NodePreference } from './connection-string.ts';
import { dialFault } from './dial-faults.ts';
import type { TlsFiles } from './dial.ts';
import type { Endpoint } from './endpoint.ts';

type Credentials = { readonly username: string; readonly password: string };

/** Address and credentials of the store. */
export type ConnectionOptions = {
  /** `esdb://…`, `esdb+discover://…` or the same with `kurrentdb`; docs/eventstoredb.md lists its settings. */
  readonly connectionString: string;
  /** Used instead of the credentials in the connection string, which other users may see. Sent over TLS, and to this machine. */
  readonly credentials?: Credentials | undefined;
  /** PEM files of certificates, used instead of those in the connection string. */
  readonly tls?:
    | {
        readonly caFile?: string | undefined;
        readonly certFile?: string | undefined;
        readonly keyFile?: string | undefined;
      }
    | undefined;
  /**
   * The server's `MaxAppendSize` in bytes, if it is not the default: up to 268,435,456. Default 1,048,576, which every
   * version accepts. Version 25.1 accepts 268,435,456, of which one event may take 16,777,216.
   */
  readonly maxAppendBytes?: number | undefined;
  /** The name of this connection in the server's logs. */
  readonly connectionName?: string | undefined;
};

/** What a connection is made from. */
export type StoreSettings = {
  /** Whose definitions of the protocol's services to use. */
  readonly client: ClientName;
  readonly hosts: readonly [Endpoint, ...Endpoint[]];
  /** Ask the hosts for the members of the cluster, and connect to those. */
  readonly discover: boolean;
  readonly nodePreference: NodePreference;
  readonly maxDiscoverAttempts: number;
  /** In milliseconds, as the next ones. */
  readonly discoveryInterval: number;
  readonly gossipTimeout: number;
  readonly keepAliveInterval: number;
  readonly keepAliveTimeout: number;
  readonly connectionName: string | undefined;
  readonly maxAppendBytes: number | undefined;
  readonly tls: TlsFiles | undefined;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
};

/**
 * Reads the options and the certificate files.
 *
 * @throws TocsinError `usage`
 * @internal
 */
export function readSettings(
  { connectionString, credentials, tls = {}, connectionName, maxAppendBytes }: ConnectionOptions,
  logger: Logger,
): StoreSettings {
  const { hosts, discover, settings, ...found } = parseConnectionString(connectionString);
  assertInstalled(settings.client);
  const user = credentials ?? found.credentials;
  const insecure = !settings.tls;
  if (insecure && user !== undefined && !hosts.every(({ address }) => isLoopback(address))) {
    logger.warn(
      {},
      'without TLS the credentials are not sent to an event store on another machine',
    );
  }
  const certFile = tls.certFile ?? settings.usercertfile;
  const keyFile = tls.keyFile ?? settings.userkeyfile;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw unreadable('a client certificate needs its key, and a key its certificate', undefined);
  }
  const files = { caFile: tls.caFile ?? settings.tlscafile, certFile, keyFile };
  // Each dial reads them again; a wrong path is to be told at once.
  if (!insecure) assertUsable(files);
  return {
    client: settings.client,
    hosts,
    discover,
    nodePreference: settings.nodepreference,
    maxDiscoverAttempts: settings.maxdiscoverattempts,
    discoveryInterval: settings.discoveryinterval,
    gossipTimeout: settings.gossiptimeout * 1_000,
    keepAliveInterval: settings.keepaliveinterval,
    keepAliveTimeout: settings.keepalivetimeout,
    connectionName: connectionName ?? settings.connectionname,
    maxAppendBytes: maxAppendBytes ?? settings.maxappendbytes,
    tls: insecure ? undefined : files,
    credentials: user && { ...user },
  };
}

function assertUsable({ caFile, certFile, keyFile }: TlsFiles): void {
  const [ca, cert, key] = [caFile, certFile, keyFile].map(contentOf);
  try {
    createSecureContext({ ca, cert, key });
  } catch (cause) {
    throw unreadable(dialFault(cause)?.why ?? String(cause), cause);
  }
}

function contentOf(file: string | undefined): Buffer | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file);
  } catch (cause) {
    throw unreadable(`the certificate file ${file} cannot be read`, cause);
  }
}

function unreadable(message: string, cause: unknown): TocsinError {
  return new TocsinError('usage', 'certificate', message, {
    hint: 'Give the paths of files in PEM that this user may read, and a key with its own certificate.',
    cause,
  });
}

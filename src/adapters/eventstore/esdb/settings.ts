// From the adapter's options to the arguments of a connection.
import { readFileSync } from 'node:fs';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Logger } from '../../../domain/ports/logger.ts';
import { parseConnectionString } from './connection-string.ts';
import type { ChannelSecurity, Nodes } from './connection.ts';

type Credentials = { readonly username: string; readonly password: string };

/** Address and credentials of the store. */
export type ConnectionOptions = {
  /** `esdb://…`, `esdb+discover://…` or the same with `kurrentdb`; docs/eventstoredb.md lists its settings. */
  readonly connectionString: string;
  /** Used instead of the credentials in the connection string, which other users may see. Sent over TLS only. */
  readonly credentials?: Credentials | undefined;
  /** PEM files of certificates, used instead of those in the connection string. */
  readonly tls?:
    | {
        readonly caFile?: string | undefined;
        readonly certFile?: string | undefined;
        readonly keyFile?: string | undefined;
      }
    | undefined;
  /** The name of this connection in the server's logs. */
  readonly connectionName?: string | undefined;
};

/**
 * What a connection is made from.
 *
 * @internal
 */
export type StoreSettings = {
  readonly nodes: Nodes;
  readonly security: ChannelSecurity;
  readonly credentials: Credentials | undefined;
  /** False when the options ask for a follower: then all reads and appends may go to one. */
  readonly requiresLeader: boolean;
};

/**
 * Reads the options and the certificate files.
 *
 * @throws TocsinError `usage`
 * @internal
 */
export function readSettings(
  { connectionString, credentials, tls = {}, connectionName }: ConnectionOptions,
  logger: Logger,
): StoreSettings {
  const { hosts, discover, settings, ...found } = parseConnectionString(connectionString);
  const user = credentials ?? found.credentials;
  const insecure = !settings.tls;
  if (insecure && user !== undefined) {
    logger.warn({}, 'without TLS the credentials are not sent to the event store');
  }
  const [first] = hosts;
  const name = connectionName ?? settings.connectionname;
  const certFile = tls.certFile ?? settings.usercertfile;
  const keyFile = tls.keyFile ?? settings.userkeyfile;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw unreadable('a client certificate needs its key, and a key its certificate', undefined);
  }
  const caFile = tls.caFile ?? settings.tlscafile;
  const nodes = {
    endpoints: [...hosts],
    ...(discover || first === undefined ? {} : { endpoint: first }),
    nodePreference: settings.nodepreference,
    maxDiscoverAttempts: settings.maxdiscoverattempts,
    discoveryInterval: settings.discoveryinterval,
    gossipTimeout: settings.gossiptimeout,
    keepAliveInterval: settings.keepaliveinterval,
    keepAliveTimeout: settings.keepalivetimeout,
    ...(settings.defaultdeadline === undefined
      ? {}
      : { defaultDeadline: settings.defaultdeadline }),
    ...(name === undefined ? {} : { connectionName: name }),
  };
  const certificates = insecure
    ? {}
    : {
        ...(caFile === undefined ? {} : { rootCertificate: pem(caFile) }),
        ...(certFile === undefined ? {} : { userCertFile: pem(certFile) }),
        ...(keyFile === undefined ? {} : { userKeyFile: pem(keyFile) }),
      };
  return {
    nodes,
    security: { insecure, ...certificates },
    credentials: user && { ...user },
    requiresLeader: settings.nodepreference === 'leader',
  };
}

function pem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw unreadable(`the certificate file ${file} cannot be read`, cause);
  }
}

function unreadable(message: string, cause: unknown): TocsinError {
  return new TocsinError('usage', 'certificate', message, {
    hint: 'Give the paths of files in PEM that this user may read.',
    cause,
  });
}

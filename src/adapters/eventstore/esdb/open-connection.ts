// From a connection string and options to a connection.
import { readFileSync } from 'node:fs';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { Logger } from '../../../domain/ports/logger.ts';
import { parseConnectionString } from './connection-string.ts';
import { Connection } from './connection.ts';

/** Where the store is and how to be let in. */
export type ConnectionOptions = {
  /** `esdb://…`, `esdb+discover://…` or the same with `kurrentdb`; docs/eventstoredb.md has its settings. */
  readonly connectionString: string;
  /** Instead of those in the connection string, which others may see. Sent over TLS only. */
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
  /** Files of certificates in PEM, instead of those in the connection string. */
  readonly tls?:
    | {
        readonly caFile?: string | undefined;
        readonly certFile?: string | undefined;
        readonly keyFile?: string | undefined;
      }
    | undefined;
  /** What the server's logs call this connection. */
  readonly connectionName?: string | undefined;
};

/** A connection, not yet dialled. @throws TocsinError `usage` */
export function openConnection(
  { connectionString, credentials, tls = {}, connectionName }: ConnectionOptions,
  logger: Logger,
): { readonly connection: Connection; readonly requiresLeader: boolean } {
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
    throw unreadable('a client certificate and its key come together', undefined);
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
    connection: new Connection(nodes, { insecure, ...certificates }, user && { ...user }),
    // Who asks for a follower means to read from it; everybody else reads what they will write after.
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

// `tocsin store`: serves an embedded event store to several processes of one machine.
import { Option, type Command } from 'commander';
import { createFront } from '../../adapters/eventstore/front/front.ts';
import {
  SERVER_VERSIONS,
  type ServerVersion,
} from '../../adapters/eventstore/front/server-version.ts';
import { embeddedFile } from '../compose/compose.ts';
import { daemonLogger, fatalLine } from '../compose/daemon-logger.ts';
import { followTls, type Pem } from '../compose/renewed-tls.ts';
import { openTelemetry } from '../compose/telemetry.ts';
import { readTextFile, usageError } from '../config/usage-error.ts';
import { parseAddress } from '../config/values.ts';
import { STORE_TOKEN_VARIABLE, TELEMETRY_SETTINGS } from '../config/settings.ts';
import { register, type Work } from './command.ts';
import { storeAclCommand } from './store-acl.ts';
import { storeCopyCommand } from './store-copy.ts';

type Options = {
  readonly listen: string;
  readonly advertise?: string;
  readonly like?: ServerVersion;
  readonly allowRemote?: true;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
};

export function storeCommand(program: Command): void {
  const command = program
    .command('store')
    // Options after a subcommand belong to the subcommand.
    .enablePositionalOptions()
    .description('serve an embedded store to other processes, with EventStoreDB’s protocol')
    .option(
      '--listen <HOST:PORT>',
      'address to listen at; port 0 takes any free port',
      '127.0.0.1:2113',
    )
    .option('--advertise <HOST:PORT>', 'address that clients get; default: the address of --listen')
    .option('--allow-remote', `listen for other machines; needs a token in ${STORE_TOKEN_VARIABLE}`)
    .addOption(
      new Option('--like <VERSION>', 'answer as this version of EventStoreDB, for tests').choices(
        SERVER_VERSIONS,
      ),
    )
    .option('--tls-cert <FILE>', 'certificate in PEM')
    .option('--tls-key <FILE>', 'private key of the certificate in PEM');
  register(
    command,
    ['store', 'logLevel', ...TELEMETRY_SETTINGS],
    `Other commands then use --store esdb://127.0.0.1:2113?tls=false. Programs with EventStoreDB's client can
append, read and subscribe. The server is for one machine; for several machines use an EventStoreDB cluster.

Examples:
  tocsin store --store embedded:var/store.db
  tocsin raise --store 'esdb://127.0.0.1:2113?tls=false' --file triggers.ndjson`,
    serveStore,
    { useRunFile: () => false, isDaemon: () => true, fatalLine: () => fatalLine(process.stderr) },
  );
  storeCopyCommand(command);
  storeAclCommand(command);
}

const serveStore: Work<Options> = async ({ config, terminal, signal }, options) => {
  const parentEnds = parentEnd();
  const token = process.env[STORE_TOKEN_VARIABLE];
  await using opened = await openTelemetry(config, 'tocsin-store');
  const { telemetry, collect: metrics } = opened;
  const logger = daemonLogger(config, { destination: process.stderr });
  const tls = tlsOf(options);
  const front = await createFront({
    telemetry,
    metrics,
    file: embeddedFile(config.store),
    ...parseAddress('listen', options.listen),
    advertise:
      options.advertise === undefined ? undefined : parseAddress('advertise', options.advertise),
    like: options.like,
    allowRemote: options.allowRemote === true,
    token: token === '' ? undefined : token,
    tls: tls?.(),
    logger,
  });
  terminal.print({ event: 'serving', url: front.url });
  terminal.say(`Serving ${config.store} at ${front.url}; Ctrl-C stops.`);
  if (tls !== undefined) {
    void followTls({ read: tls, first: tls(), renew: front.renewTls, logger }, signal);
  }
  const aborted = new Promise((stop) => {
    signal.addEventListener('abort', stop, { once: true });
  });
  if (!signal.aborted) await Promise.race([aborted, parentEnds]);
  await front.close();
  if (process.connected) process.disconnect();
};

/** Resolves at the end of a parent process with an IPC channel, also when it was killed: that closes the channel. */
function parentEnd(): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  // `send` stays when the channel has closed, and is absent without a channel.
  if (process.connected) process.once('disconnect', resolve);
  else if (process.send !== undefined) resolve(undefined);
  return promise;
}

/** Reads the certificate each time that it is called; `undefined` without TLS. */
function tlsOf({ tlsCert, tlsKey }: Options): (() => Pem) | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    const hint = 'Give both --tls-cert and --tls-key.';
    throw usageError('invalid_tls', 'TLS needs a certificate and its key', hint);
  }
  const readPem = (file: string): string =>
    readTextFile(file, 'unreadable_file', 'Name a readable PEM file.');
  return () => ({ certificate: readPem(tlsCert), key: readPem(tlsKey) });
}

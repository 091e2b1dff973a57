// The composition root: chooses the adapter of each port. Adapters are loaded on first use, because loading
// a client's package takes longer than running a short command.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { eventStoreDbWithSystem } from '../../adapters/eventstore/esdb/store.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { StreamRemover } from '../../domain/ports/stream-remover.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { MessageReader } from '../../projections/audit/reading/ports.ts';
import { silentReport, type ProcessReport } from '../../kernel/processes/due/process.ts';
import type { ProjectorOptions } from '../../kernel/open-projector.ts';
import type { Projector } from '../../projections/publisher/projector.ts';
import type { Config } from '../config/config.ts';
import { usageError } from '../config/usage-error.ts';

/** A log for reading, also while another process owns the store. */
export type LogReader = Pick<EventStore, 'readAll' | 'readStream'> & AsyncDisposable;

export type Server = ReturnType<typeof eventStoreDbWithSystem>;

export async function openStore(
  { store }: Config,
  holder: string,
  logger?: Logger,
): Promise<EventStore> {
  if (isEventStoreDb(store)) return (await openServer(store, logger)).store;
  const { embeddedStore } = await import('../../adapters/eventstore/embedded/store.ts');
  return embeddedStore({ file: embeddedFile(store), holder });
}

/** The store with what an archive needs of the process that owns the file. Disposing closes the store. */
export async function openForUpkeep(
  { store }: Config,
  holder: string,
): Promise<{ readonly store: EventStore; readonly remover: StreamRemover } & AsyncDisposable> {
  if (isEventStoreDb(store)) {
    const server = await openServer(store);
    return { ...server, [Symbol.asyncDispose]: () => server.store[Symbol.asyncDispose]() };
  }
  const { embeddedStore } = await import('../../adapters/eventstore/embedded/store.ts');
  const own = await embeddedStore({ file: embeddedFile(store), holder });
  return { store: own, remover: own, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

export async function openReader({ store }: Config): Promise<LogReader> {
  if (isEventStoreDb(store)) return (await openServer(store)).store;
  const { embeddedReader } = await import('../../adapters/eventstore/embedded/store.ts');
  return embeddedReader(embeddedFile(store));
}

/** A server, with what only administrators do. The caller closes its store. */
export async function openServer(connectionString: string, logger?: Logger): Promise<Server> {
  const { eventStoreDbWithSystem } = await import('../../adapters/eventstore/esdb/store.ts');
  return eventStoreDbWithSystem({ connectionString, logger });
}

/** The NATS servers, how to connect to them, and the output stream. */
export function natsOptions({ nats, natsAccess, stream, subjectRoot }: Config) {
  return { servers: nats.split(','), ...natsAccess, stream, subjectRoot };
}

/** Opens a projector with a JetStream output. */
export async function openOutputProjector(
  config: Config,
  parts: Pick<
    ProjectorOptions,
    'store' | 'state' | 'archives' | 'logger' | 'telemetry' | 'actor' | 'onCommit'
  >,
  report: ProcessReport = silentReport,
): Promise<Projector> {
  const { watchedOutput } = await import('../../adapters/nats/watched-output.ts');
  const { jetStreamOutput } = await import('../../adapters/nats/output.ts');
  const { openProjector } = await import('../../kernel/open-projector.ts');
  const { readMessageKeys } = await import('../../adapters/keys/message-keys.ts');
  const { name, subjectRoot, source, natsReplicas: replicas } = config;
  const options = { ...natsOptions(config), replicas, logger: parts.logger };
  const stream = jetStreamOutput({ ...options, name: 'tocsin projector' });
  const output = watchedOutput(stream, report);
  const messageKeys = readMessageKeys(config.messageKeyFile, { create: true });
  return openProjector({ ...parts, output, name, subjectRoot, source, messageKeys });
}

export async function openMessageReader(config: Config): Promise<MessageReader & AsyncDisposable> {
  const { jetStreamReader } = await import('../../adapters/nats/reader.ts');
  return jetStreamReader({ ...natsOptions(config), name: 'tocsin audit' });
}

export function isEventStoreDb(store: string): boolean {
  return /^(?:esdb|kurrentdb)(?:\+discover)?:\/\//.test(store);
}

export function hasEmbeddedFile(store: string): boolean {
  return existsSync(embeddedFile(store));
}

export function embeddedFile(store: string): string {
  if (store.startsWith('embedded:') && store.length > 'embedded:'.length) {
    return resolve(store.slice('embedded:'.length));
  }
  const hint = 'Use --store embedded:FILE, or esdb://HOST:PORT for a server.';
  throw usageError('invalid_store', 'this command cannot use that store', hint);
}

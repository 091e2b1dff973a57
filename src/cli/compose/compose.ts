// The composition root: chooses the adapter of each port. Adapters are loaded on first use, because loading
// a client's package takes longer than running a short command.
import { resolve } from 'node:path';
import { TocsinError } from '../../domain/core/errors.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { MessageReader } from '../../projections/audit/reading/ports.ts';
import type { Output } from '../../projections/output.ts';
import type { Config } from '../config/config.ts';

/** A log for reading, also while another process owns the store. */
export type LogReader = Pick<EventStore, 'readAll' | 'readStream'> & AsyncDisposable;

/** Opens the event store as its owner. */
export async function openStore(
  config: Config,
  what: string,
  logger?: Logger,
): Promise<EventStore> {
  if (isEventStoreDb(config.store)) {
    const { eventStoreDb } = await import('../../adapters/eventstore/esdb/store.ts');
    return eventStoreDb({ connectionString: config.store, logger });
  }
  const { embeddedStore } = await import('../../adapters/eventstore/embedded/store.ts');
  return embeddedStore({ file: embeddedFile(config.store), holder: what });
}

/** Opens the event store for reading, also while another process owns it. */
export async function openReader(config: Config): Promise<LogReader> {
  if (isEventStoreDb(config.store)) {
    const { eventStoreDb } = await import('../../adapters/eventstore/esdb/store.ts');
    return eventStoreDb({ connectionString: config.store });
  }
  const { embeddedReader } = await import('../../adapters/eventstore/embedded/store.ts');
  return embeddedReader(embeddedFile(config.store));
}

/** The JetStream output. */
export async function openOutput(config: Config, logger?: Logger): Promise<Output> {
  const { jetStreamOutput } = await import('../../adapters/nats/output.ts');
  const { nats, natsAccess, natsReplicas, stream, subjectRoot } = config;
  return jetStreamOutput({
    servers: nats.split(','),
    ...natsAccess,
    replicas: natsReplicas,
    stream,
    subjectRoot,
    logger,
    name: 'tocsin projector',
  });
}

/** The output stream, for reading only. */
export async function openMessageReader(config: Config): Promise<MessageReader & AsyncDisposable> {
  const { jetStreamReader } = await import('../../adapters/nats/reader.ts');
  const { nats, natsAccess, stream, subjectRoot } = config;
  const name = 'tocsin audit';
  return jetStreamReader({ servers: nats.split(','), ...natsAccess, stream, subjectRoot, name });
}

/** True for a server that speaks EventStoreDB's protocol. */
export function isEventStoreDb(store: string): boolean {
  return /^(?:esdb|kurrentdb)(?:\+discover)?:\/\//.test(store);
}

/** The file behind `embedded:FILE`. */
export function embeddedFile(store: string): string {
  if (store.startsWith('embedded:') && store.length > 'embedded:'.length) {
    return resolve(store.slice('embedded:'.length));
  }
  throw new TocsinError('usage', 'invalid_store', 'this command cannot use that store', {
    hint: 'Use --store embedded:FILE, or esdb://HOST:PORT for a server.',
  });
}

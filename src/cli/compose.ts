// The composition root: the only place that knows which adapter stands behind which port.
import { resolve } from 'node:path';
import { embeddedReader, embeddedStore } from '../adapters/eventstore/embedded/store.ts';
import { eventStoreDb } from '../adapters/eventstore/esdb/store.ts';
import { jetStreamOutput } from '../adapters/nats/output.ts';
import { TocsinError } from '../domain/core/errors.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import type { Logger } from '../domain/ports/logger.ts';
import type { Output } from '../projections/ports.ts';
import type { Config } from './config.ts';

/** A log that can be read beside its owner. */
export type LogReader = Pick<EventStore, 'readAll' | 'readStream'> & AsyncDisposable;

/** Opens the event store as its owner. */
export async function openStore(
  config: Config,
  what: string,
  logger?: Logger,
): Promise<EventStore> {
  if (isEventStoreDb(config.store)) {
    return eventStoreDb({ connectionString: config.store, logger });
  }
  return embeddedStore({ file: embeddedFile(config.store), holder: what });
}

/** Opens the event store for reading, beside whoever owns it. */
export function openReader(config: Config): LogReader {
  if (isEventStoreDb(config.store)) return eventStoreDb({ connectionString: config.store });
  return embeddedReader(embeddedFile(config.store));
}

/** The JetStream output. */
export function openOutput(config: Config, logger?: Logger): Output {
  const { nats, natsAccess, stream, subjectRoot } = config;
  return jetStreamOutput({
    servers: nats.split(','),
    ...natsAccess,
    stream,
    subjectRoot,
    logger,
    name: 'tocsin projector',
  });
}

/** True for a server that speaks EventStoreDB's protocol. */
export function isEventStoreDb(store: string): boolean {
  return /^esdb(?:\+discover)?:\/\//.test(store);
}

/** The file behind `embedded:FILE`. */
export function embeddedFile(store: string): string {
  if (store.startsWith('embedded:') && store.length > 'embedded:'.length) {
    return resolve(store.slice('embedded:'.length));
  }
  throw new TocsinError(
    'usage',
    'invalid_store',
    'the store is not one that this command can use',
    {
      hint: 'Use --store embedded:FILE, or esdb://HOST:PORT where a server is meant.',
    },
  );
}

// The composition root: the only place that knows which adapter stands behind which port.
import { resolve } from 'node:path';
import { embeddedReader, embeddedStore } from '../adapters/eventstore/embedded/store.ts';
import { jetStreamOutput } from '../adapters/nats/output.ts';
import { TocsinError } from '../domain/core/errors.ts';
import type { EventStore } from '../domain/ports/event-store.ts';
import type { Logger } from '../domain/ports/logger.ts';
import type { Output } from '../projections/ports.ts';
import type { Config } from './config.ts';

/** A log that can be read beside its owner. */
export type LogReader = Pick<EventStore, 'readAll' | 'readStream'> & AsyncDisposable;

/** Opens the event store as its owner. */
export async function openStore(config: Config, what: string): Promise<EventStore> {
  return embeddedStore({ file: embeddedFile(config.store), holder: what });
}

/** Opens the event store for reading, beside whoever owns it. */
export function openReader(config: Config): LogReader {
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

/** The file behind `embedded:FILE`. */
export function embeddedFile(store: string): string {
  if (store.startsWith('embedded:') && store.length > 'embedded:'.length) {
    return resolve(store.slice('embedded:'.length));
  }
  if (/^(?:esdb|esdb\+discover|kurrentdb):/.test(store)) {
    throw new TocsinError(
      'usage',
      'store_not_supported',
      'this version has no EventStoreDB client',
      {
        hint: 'Use --store embedded:FILE.',
      },
    );
  }
  throw new TocsinError('usage', 'invalid_store', 'the store is not one', {
    hint: 'Use --store embedded:FILE.',
  });
}

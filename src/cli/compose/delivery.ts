// Delivery as the command line runs it: which inbox, which files, which channels.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import { openWorker, type Worker } from '../../kernel/open-worker.ts';
import { deliveryProcesses } from '../../kernel/processes/delivery/processes.ts';
import { deliveryChannels } from './channels.ts';
import type { Config } from '../config/config.ts';
import { scheduleProduct } from '../../schedule/triggers.ts';

/** The list of deliveries in a worker's folder. */
export const deliveriesFile = (config: Pick<Config, 'worker'>): string =>
  join(config.worker, 'deliveries.db');

/** Opens the worker with delivery; disposing closes its files, after it stopped. */
export async function openDelivery(
  config: Config,
  store: EventStore,
  storeId: string,
  logger: Logger,
): Promise<AsyncDisposable & { readonly worker: Worker }> {
  const { jetStreamInbox } = await import('../../adapters/nats/inbox.ts');
  const { sqliteDueIndexes } = await import('../../adapters/sqlite/due-index.ts');
  const { sqliteDeliveryIndex } = await import('../../adapters/sqlite/delivery-index.ts');
  const { nats, natsAccess, stream, subjectRoot, name, frontend: frontendUrl } = config;
  mkdirSync(config.worker, { recursive: true });
  const owner = 'a worker';
  using opened = new DisposableStack();
  const indexes = opened.use(
    sqliteDueIndexes({ file: join(config.worker, 'due.db'), storeId, owner }),
  );
  const list = opened.use(sqliteDeliveryIndex({ file: deliveriesFile(config), storeId, owner }));
  const inbox = jetStreamInbox({
    servers: nats.split(','),
    ...natsAccess,
    stream,
    subjectRoot,
    logger,
    name: 'tocsin worker',
  });
  const processes = deliveryProcesses({
    texts: scheduleProduct.texts,
    store,
    inbox,
    indexes,
    list,
    ...(await deliveryChannels(config, store, logger, opened)),
    name,
    frontendUrl,
    enabled: config.delivery === 'on',
    logger,
  });
  const worker = openWorker({ processes, logger });
  const held = opened.move();
  return {
    worker,
    [Symbol.asyncDispose]: () => {
      held.dispose();
      return Promise.resolve();
    },
  };
}

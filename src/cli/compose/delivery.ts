// Delivery as the command line runs it: its inbox, its files and its channels.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { Telemetry } from '../../domain/ports/telemetry.ts';
import { openWorker, type Worker } from '../../kernel/open-worker.ts';
import { deliveryProcesses } from '../../kernel/processes/delivery/processes.ts';
import { deliveryChannels } from './channels.ts';
import { natsOptions } from './compose.ts';
import type { Config } from '../config/config.ts';
import { loadProduct } from '../config/product.ts';

/** The file with the list of deliveries, in the worker's folder. */
export const deliveriesFile = (config: Pick<Config, 'worker'>): string =>
  join(config.worker, 'deliveries.db');

/** Opens the worker with delivery. Stop the worker before disposal: disposal closes its files. */
export async function openDelivery(
  config: Config,
  store: EventStore,
  storeId: string,
  logger: Logger,
  telemetry: Telemetry,
): Promise<AsyncDisposable & { readonly worker: Worker }> {
  const {
    jetStreamInbox,
    sqliteDueIndexes,
    sqliteDeliveryIndex,
    openReadModelReader,
    readMessageKeys,
  } = await loadAdapters();
  const { name, frontend: frontendUrl } = config;
  const product = await loadProduct();
  mkdirSync(config.worker, { recursive: true, mode: 0o700 });
  const owner = 'a worker';
  using opened = new DisposableStack();
  const indexes = opened.use(
    sqliteDueIndexes({ file: join(config.worker, 'due.db'), storeId, owner }),
  );
  const list = opened.use(sqliteDeliveryIndex({ file: deliveriesFile(config), storeId, owner }));
  const requests = jetStreamInbox({ ...natsOptions(config), logger, name: 'tocsin worker' });
  const processes = deliveryProcesses({
    ...(product.texts === undefined ? {} : { texts: product.texts }),
    ...(product.channels === undefined ? {} : { channels: product.channels }),
    triggers: product.triggers,
    store,
    requests,
    messageKeys: readMessageKeys(config.messageKeyFile, { create: true }),
    letThrough: opened.use(openReadModelReader(config.state)),
    indexes,
    list,
    ...(await deliveryChannels(config, store, logger, opened)),
    name,
    frontendUrl,
    enabled: config.delivery === 'on',
    profile: config.retryProfile,
    onUnknown: config.onUnknown,
    logger,
    telemetry,
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

/** Without `using`: in a function with it the compiler leaves an import's path as `.ts`. */
async function loadAdapters() {
  const [inbox, due, list, readModel, keys] = await Promise.all([
    import('../../adapters/nats/inbox.ts'),
    import('../../adapters/sqlite/due-index.ts'),
    import('../../adapters/sqlite/delivery-index.ts'),
    import('../../adapters/sqlite/read-model.ts'),
    import('../../adapters/keys/message-keys.ts'),
  ]);
  return { ...inbox, ...due, ...list, ...readModel, ...keys };
}

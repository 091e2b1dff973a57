// The servers of `tocsin start`: those that the configuration names, else processes of our own in ./var.
import { join, resolve } from 'node:path';
import { startNatsServer, stopLeftover } from '../../adapters/nats/server.ts';
import type { Config } from '../config/config.ts';
import { isEventStoreDb } from './compose.ts';
import { startStoreProcess } from './store-process.ts';

/** The store that the configuration names, or a server of our own before the embedded store. */
export async function startStore(
  config: Config,
): Promise<AsyncDisposable & { readonly url: string }> {
  if (!isEventStoreDb(config.store)) return startStoreProcess(config.store);
  return { url: config.store, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** The NATS server that the configuration names, or one of our own. */
export async function startNats(
  config: Config,
): Promise<AsyncDisposable & { readonly url: string }> {
  if (config.natsWasGiven) {
    return { url: config.nats, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const pidFile = resolve('var/nats.pid');
  // A killed start leaves its server running, and two servers would corrupt the folder.
  await stopLeftover(pidFile);
  return startNatsServer({ storeDir: join(resolve('var'), 'nats'), pidFile });
}

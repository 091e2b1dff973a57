// The HTTP API of a kernel, as the command line serves it: tokens and policies from the log, deliveries
// from the worker's list on this machine, channels where there is a vault.
import { existsSync } from 'node:fs';
import { assertLocal } from '../../adapters/http/server/address.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import { createDeliveries } from '../../kernel/deliveries.ts';
import type { Kernel } from '../../kernel/open-kernel.ts';
import { createTokens } from '../../kernel/access/tokens.ts';
import type { DeliveryIndexReader } from '../../kernel/processes/delivery/delivery-index.ts';
import { channelsOn, hasVault, openSender, openVault } from './channels.ts';
import { deliveriesFile } from './delivery.ts';
import type { Config } from '../config/config.ts';

export type ApiServer = AsyncDisposable & { readonly url: string };

/**
 * Serves until it is disposed of.
 *
 * @throws TocsinError `usage` for an address that others reach and that was not allowed
 */
export async function serveApi(options: {
  readonly config: Config;
  readonly store: EventStore;
  readonly kernel: Kernel;
  readonly logger: Logger;
  readonly allowRemote: boolean;
}): Promise<ApiServer> {
  const { config, store, kernel, logger, allowRemote } = options;
  assertLocal(config.api.host, { allowRemote });
  const { createHttpApp } = await import('../../adapters/http/app.ts');
  const { bearerTokens } = await import('../../adapters/http/endpoint/caller.ts');
  const { serveHttp } = await import('../../adapters/http/server/serve.ts');
  const { openDeliveryIndexReader } = await import('../../adapters/sqlite/delivery-index.ts');
  const file = deliveriesFile(config);
  let list: DeliveryIndexReader | undefined;
  await using opened = new AsyncDisposableStack();
  opened.defer(() => list?.[Symbol.dispose]());
  const channels = hasVault(config)
    ? channelsOn(
        config,
        store,
        opened.use(await openVault(config)),
        await openSender(config, logger),
      )
    : undefined;
  const app = createHttpApp({
    kernel,
    authenticate: bearerTokens(createTokens({ store, name: config.name })),
    channels,
    deliveries: createDeliveries({
      store,
      // A worker may make it after we began.
      index: () => (list ??= existsSync(file) ? openDeliveryIndexReader(file) : undefined),
    }),
    logger,
  });
  const { url, close } = await serveHttp(app, config.api);
  opened.defer(close);
  const held = opened.move();
  return { url, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

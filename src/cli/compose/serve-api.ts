// The HTTP API as the command line serves it: deliveries come from the worker's list on this machine.
import { existsSync } from 'node:fs';
import { createHttpApp } from '../../adapters/http/app.ts';
import { bearerTokens } from '../../adapters/http/endpoint/caller.ts';
import { assertLocal } from '../../adapters/http/server/address.ts';
import { serveHttp } from '../../adapters/http/server/serve.ts';
import { openDeliveryIndexReader } from '../../adapters/sqlite/delivery-index.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { Telemetry } from '../../domain/ports/telemetry.ts';
import { createDeliveries } from '../../kernel/deliveries.ts';
import type { Kernel } from '../../kernel/open-kernel.ts';
import { createTokens } from '../../kernel/access/tokens.ts';
import type { DeliveryIndexReader } from '../../kernel/processes/delivery/delivery-index.ts';
import { channelsOn, hasVault, openSender, openVault } from './channels.ts';
import { deliveriesFile } from './delivery.ts';
import type { Config } from '../config/config.ts';

export type ApiServer = AsyncDisposable & { readonly url: string };

/** Serves the API until disposal; refuses an address that other machines reach, unless `allowRemote`. */
export async function serveApi(options: {
  readonly config: Config;
  readonly store: EventStore;
  readonly kernel: Kernel;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  readonly allowRemote: boolean;
}): Promise<ApiServer> {
  const { config, store, kernel, logger, telemetry, allowRemote } = options;
  assertLocal(config.api.host, { allowRemote });
  const file = deliveriesFile(config);
  let list: DeliveryIndexReader | undefined;
  await using opened = new AsyncDisposableStack();
  opened.defer(() => list?.[Symbol.dispose]());
  const channels = hasVault(config)
    ? await channelsOn(
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
      // A worker may create the file after this process has started.
      index: () => (list ??= existsSync(file) ? openDeliveryIndexReader(file) : undefined),
    }),
    logger,
    telemetry,
    ...config.apiLimits,
  });
  const { url, close } = await serveHttp(app, config.api);
  opened.defer(close);
  const held = opened.move();
  return { url, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

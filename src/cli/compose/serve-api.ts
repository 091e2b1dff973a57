// The HTTP API and the console as the command line serves them: deliveries come from the worker's list on this machine.
import { existsSync } from 'node:fs';
import { createHttpApp } from '../../adapters/http/app.ts';
import { bearerTokens } from '../../adapters/http/endpoint/caller.ts';
import type { Forget } from '../../adapters/http/console/options.ts';
import type { HealthView } from '../../console/pages/now.ts';
import { assertLocal, isLoopback } from '../../adapters/http/server/address.ts';
import { serveHttp } from '../../adapters/http/server/serve.ts';
import { openDeliveryIndexReader } from '../../adapters/sqlite/delivery-index.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { Telemetry } from '../../domain/ports/telemetry.ts';
import { createDeliveries } from '../../kernel/deliveries.ts';
import type { Kernel } from '../../kernel/open-kernel.ts';
import { forgetUser } from '../../kernel/sealing/forget.ts';
import { createTokens } from '../../kernel/access/tokens.ts';
import type { DeliveryIndexReader } from '../../kernel/processes/delivery/delivery-index.ts';
import { channelsOn, hasVault, openSender, openVault } from './channels.ts';
import { CONSOLE_PATH, historyOf, isConsolePath, openConsole } from './console.ts';
import { deliveriesFile } from './delivery.ts';
import { notaryView } from './notary-view.ts';
import type { Config } from '../config/config.ts';

export type ApiServer = AsyncDisposable & {
  readonly url: string;
  /** The address of the console for the operator's terminal; on this machine with a secret that begins one session. */
  readonly console: () => string;
};

/** Serves API and console until disposal; refuses an address that other machines reach, unless `allowRemote`. */
export async function serveApi(options: {
  readonly config: Config;
  readonly store: EventStore;
  readonly kernel: Kernel;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  readonly allowRemote: boolean;
  readonly health: () => HealthView | Promise<HealthView>;
}): Promise<ApiServer> {
  const { config, store, kernel, logger, telemetry, allowRemote, health } = options;
  assertLocal(config.api.host, { allowRemote });
  const file = deliveriesFile(config);
  let list: DeliveryIndexReader | undefined;
  await using opened = new AsyncDisposableStack();
  opened.defer(() => list?.[Symbol.dispose]());
  const vault = hasVault(config) ? opened.use(await openVault(config)) : undefined;
  const channels =
    vault && (await channelsOn(config, store, vault, await openSender(config, logger)));
  const tokens = createTokens({ store, name: config.name });
  const forget: Forget | undefined =
    vault &&
    channels &&
    ((userId, { actor }) =>
      forgetUser({ store, vault, channels, tokens, kernel: config.name, actor }, userId));
  const deliveries = createDeliveries({
    store,
    // A worker may create the file after this process has started.
    index: () => (list ??= existsSync(file) ? openDeliveryIndexReader(file) : undefined),
  });
  const authenticate = bearerTokens(tokens);
  const history = historyOf(config, store);
  const notary = notaryView(config);
  const parts = { kernel, authenticate, channels, deliveries, logger, telemetry, ...history };
  const app = createHttpApp({ ...parts, notary, ...config.apiLimits });
  const pages = opened.use(
    await openConsole({
      ...{ config, store, kernel, tokens, deliveries, channels, health, logger },
      ...{ notary, forget },
      ...history,
    }),
  );
  const { url, close } = await serveHttp(
    { fetch: (request) => (isConsolePath(request) ? pages.fetch(request) : app.fetch(request)) },
    config.api,
  );
  opened.defer(close);
  const held = opened.move();
  return {
    url,
    console: () => `${url}${isLoopback(config.api.host) ? pages.oneTimePath() : CONSOLE_PATH}`,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

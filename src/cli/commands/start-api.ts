// `tocsin start --mode api`: the HTTP API on a store that runs already. It neither projects nor delivers,
// so any number of these processes may run.
import { once } from 'node:events';
import { jsonLogger } from '../../adapters/logging/pino.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { readControl } from '../../kernel/control/control.ts';
import { openKernel } from '../../kernel/open-kernel.ts';
import { openSealing } from '../compose/channels.ts';
import { evaluatorOver, openTasks } from '../compose/tasks.ts';
import { openStore } from '../compose/compose.ts';
import { serveApi } from '../compose/serve-api.ts';
import { serveStoreHealth } from '../compose/serve-health.ts';
import { EXIT } from '../terminal/terminal.ts';
import type { Work } from './command.ts';
import { scheduleProduct } from '../../schedule/triggers.ts';

type Options = {
  readonly once?: true;
  readonly standby?: true;
  readonly allowRemote?: true;
};

export const startApi: Work<Options> = async ({ config, signal }, options) => {
  if (options.once === true || options.standby === true) {
    throw new TocsinError('usage', 'wrong_mode', '--mode api takes neither --once nor --standby', {
      hint: 'Leave these options out: this mode does not project.',
    });
  }
  const logger = jsonLogger({ level: config.logLevel });
  await using opened = await openStore(config, 'tocsin start --mode api', logger);
  await using sealing = await openSealing(config, opened);
  const { store } = sealing;
  const { path } = config.tasks;
  await using source =
    path === undefined ? undefined : await openTasks(config, path, { watch: true, logger });
  await using kernel = await openKernel({
    ...scheduleProduct,
    store,
    name: config.name,
    evaluation: config.evaluation,
    ...(source === undefined ? {} : { evaluateLater: evaluatorOver(source, config) }),
  });
  const allowRemote = options.allowRemote === true;
  await using api = await serveApi({ config, store, kernel, logger, allowRemote });
  await using health = await serveStoreHealth(() => readControl(store, config.name), config.http);
  logger.info({ mode: 'api', api: api.url, http: health.url }, 'started');
  if (!signal.aborted) await once(signal, 'abort');
  logger.info({ mode: 'api' }, 'stopped');
  return EXIT.done;
};

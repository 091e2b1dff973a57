// `tocsin start --mode api`: the HTTP API on a store that runs already; any number of these may run.
import { once } from 'node:events';
import { observedStore } from '../../adapters/telemetry/observed-store.ts';
import { readControl } from '../../kernel/control/control.ts';
import { openProductKernel, openSealedStore } from '../compose/channels.ts';
import { partBoard } from '../../kernel/processes/part-board.ts';
import { watchedStore } from '../compose/watched-store.ts';
import { evaluatorOver, openTasks } from '../compose/tasks.ts';
import { withRetries } from '../compose/retries.ts';
import { CONSOLE_PATH } from '../compose/console.ts';
import { serveApi } from '../compose/serve-api.ts';
import { serveStoreHealth } from '../compose/serve-health.ts';
import { daemonLogger } from '../compose/daemon-logger.ts';
import { openTelemetry } from '../compose/telemetry.ts';
import { usageError } from '../config/usage-error.ts';
import type { Work } from './command.ts';
import { examplesNeedAll, type StartOptions } from './start-options.ts';

export const startApi: Work<StartOptions> = async ({ config, signal }, options) => {
  if (options.once === true || options.standby === true) {
    const hint = 'Leave these options out: this mode does not project.';
    throw usageError('wrong_mode', '--mode api takes neither --once nor --standby', hint);
  }
  if (options.examples === true) throw examplesNeedAll();
  const logger = daemonLogger(config);
  const board = partBoard(['api', 'appends'], logger);
  const report = board.reportOf('api');
  await using opened = await openTelemetry(config, 'tocsin-api');
  const { telemetry } = opened;
  await using own = await openSealedStore(config, 'tocsin start --mode api', logger);
  const store = watchedStore(observedStore(own, telemetry), board.reportOf('appends'));
  const probe = () => readControl(store, config.name);
  await using health = await serveStoreHealth(probe, board.status, config.http, opened);
  board.started('appends');
  const { path } = config.tasks;
  await using source =
    path === undefined ? undefined : await openTasks(config, path, { watch: true, logger });
  const evaluateLater = source && evaluatorOver(source, config);
  const open = () => openProductKernel(config, store, { logger, telemetry, evaluateLater });
  await using kernel = await withRetries(open, logger, signal, report);
  if (kernel === undefined) return;
  const served = { allowRemote: options.allowRemote === true, health: health.view };
  await using api = await serveApi({ ...served, config, store, kernel, logger, telemetry });
  board.started('api');
  const addresses = { api: api.url, http: health.url, console: `${api.url}${CONSOLE_PATH}` };
  logger.info({ mode: 'api', ...addresses }, 'started');
  if (!signal.aborted) await once(signal, 'abort');
  logger.info({ mode: 'api' }, 'stopped');
};

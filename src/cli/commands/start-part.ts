// `tocsin start --mode worker|projector`: one part, on servers that run already.
import { jsonLogger } from '../../adapters/logging/pino.ts';
import { sqliteReadModel } from '../../adapters/sqlite/read-model.ts';
import { openProductKernel, openSealedStore } from '../compose/channels.ts';
import { openDelivery } from '../compose/delivery.ts';
import { openTasks, openTaskWorker } from '../compose/tasks.ts';
import { openOutputProjector } from '../compose/compose.ts';
import { withRetries } from '../compose/retries.ts';
import type { Config } from '../config/config.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import { runTogether } from '../../domain/core/signals.ts';
import { serveProjectorHealth } from '../compose/serve-health.ts';
import { usageError } from '../config/usage-error.ts';
import { EXIT } from '../terminal/terminal.ts';
import type { Work } from './command.ts';
import { examplesNeedAll, type StartOptions } from './start-options.ts';

/** The exit code after a refused projection while deliveries went on. */
const REFUSED = 4;

export const startPart: Work<StartOptions> = async ({ config, signal }, options) => {
  if (options.once === true) {
    const hint = 'Use tocsin project --once for a projection until the head of the log.';
    throw usageError('once_needs_all', '--once needs --mode all', hint);
  }
  if (options.examples === true) throw examplesNeedAll();
  const { mode } = options;
  const who = `tocsin start --mode ${mode}`;
  const logger = jsonLogger({ level: config.logLevel });
  await using store = await openSealedStore(config, who, logger);
  using state = sqliteReadModel({ file: config.state, owner: who });
  const projector = await openOutputProjector(config, { store, state, logger, actor: who });
  await using health = await serveProjectorHealth(projector, config.http);
  logger.info({ mode, http: health.url, state: config.state }, 'started');
  let code: number = EXIT.done;
  const project = projector.run(signal, { standby: options.standby === true });
  if (mode !== 'worker') {
    await project;
  } else {
    // Accepted notifications are delivered after a fatal error of the projection too; health is red.
    const projecting = project.catch((error: unknown) => {
      code = REFUSED;
      logger.error({ err: error }, 'the projection stopped; deliveries go on');
    });
    await runTogether(signal, [() => projecting, (both) => work(config, store, logger, both)]);
  }
  logger.info({ mode, committed: projector.status().outputSequence }, 'stopped');
  return code;
};

/** Delivers, evaluates and scans until the signal. */
async function work(
  config: Config,
  store: EventStore,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const kernel = await withRetries(() => openProductKernel(config, store), logger, signal);
  if (kernel === undefined) return;
  const { storeId } = kernel;
  await using delivery = await openDelivery(config, store, storeId, logger);
  const { path } = config.tasks;
  await using source =
    path === undefined ? undefined : await openTasks(config, path, { watch: true, logger });
  await using tasks = await openTaskWorker({ config, store, storeId, source, logger });
  await runTogether(signal, [
    (both) => delivery.worker.run(both),
    (both) => tasks.worker.run(both),
  ]);
}

// `tocsin start --mode worker|projector`: one part, on servers that run already.
import { jsonLogger } from '../../adapters/logging/pino.ts';
import { sqliteReadModel } from '../../adapters/sqlite/read-model.ts';
import { TocsinError } from '../../domain/core/errors.ts';
import { openKernel } from '../../kernel/open-kernel.ts';
import { openProjector } from '../../kernel/open-projector.ts';
import { openSealing } from '../compose/channels.ts';
import { openDelivery } from '../compose/delivery.ts';
import { openTasks, openTaskWorker } from '../compose/tasks.ts';
import { openOutput, openStore } from '../compose/compose.ts';
import { runTogether } from '../../domain/core/signals.ts';
import { serveProjectorHealth } from '../compose/serve-health.ts';
import { EXIT } from '../terminal/terminal.ts';
import type { Work } from './command.ts';
import { scheduleProduct } from '../../schedule/triggers.ts';

type Options = {
  readonly mode: 'all' | 'worker' | 'projector';
  readonly once?: true;
  readonly standby?: true;
};

/** The exit code after a refused projection while deliveries went on. */
const REFUSED = 4;

export const startPart: Work<Options> = async ({ config, signal }, options) => {
  if (options.once === true) {
    throw new TocsinError('usage', 'once_needs_all', '--once needs --mode all', {
      hint: 'Use tocsin project --once for a projection until the head of the log.',
    });
  }
  const { mode } = options;
  const who = `tocsin start --mode ${mode}`;
  const logger = jsonLogger({ level: config.logLevel });
  await using opened = await openStore(config, who, logger);
  await using sealing = await openSealing(config, opened);
  const { store } = sealing;
  const { storeId } = await openKernel({ ...scheduleProduct, store, name: config.name });
  using state = sqliteReadModel({ file: config.state, owner: who });
  const projector = await openProjector({
    store,
    state,
    output: await openOutput(config, logger),
    name: config.name,
    subjectRoot: config.subjectRoot,
    source: config.source,
    logger,
    actor: who,
  });
  await using health = await serveProjectorHealth(projector, config.http);
  await using delivery =
    mode === 'worker' ? await openDelivery(config, store, storeId, logger) : undefined;
  const { path } = config.tasks;
  await using source =
    mode === 'worker' && path !== undefined
      ? await openTasks(config, path, { watch: true, logger })
      : undefined;
  await using tasks =
    mode === 'worker'
      ? await openTaskWorker({ config, store, storeId, source, logger })
      : undefined;
  logger.info({ mode, http: health.url, state: config.state }, 'started');
  let code: number = EXIT.done;
  const project = projector.run(signal, { standby: options.standby === true });
  if (delivery === undefined || tasks === undefined) {
    await project;
  } else {
    // Accepted notifications are delivered after a fatal error of the projection too; health is red.
    const projecting = project.catch((error: unknown) => {
      code = REFUSED;
      logger.error({ err: error }, 'the projection stopped; deliveries go on');
    });
    await runTogether(signal, [
      () => projecting,
      (both) => delivery.worker.run(both),
      (both) => tasks.worker.run(both),
    ]);
  }
  logger.info({ mode, committed: projector.status().outputSequence }, 'stopped');
  return code;
};

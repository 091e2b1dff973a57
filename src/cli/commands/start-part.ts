// `tocsin start --mode worker|projector`: one part, on servers that run already.
import { observedStore } from '../../adapters/telemetry/observed-store.ts';
import { sqliteReadModel } from '../../adapters/sqlite/read-model.ts';
import { openProductKernel, openSealedStore } from '../compose/channels.ts';
import { deliveryFacts } from '../compose/delivery-facts.ts';
import { openDelivery } from '../compose/delivery.ts';
import { openTasks, openTaskWorker } from '../compose/tasks.ts';
import { openOutputProjector } from '../compose/compose.ts';
import { withRetries } from '../compose/retries.ts';
import type { Config } from '../config/config.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import type { Telemetry } from '../../domain/ports/telemetry.ts';
import type { Kernel } from '../../kernel/open-kernel.ts';
import type { Worker } from '../../kernel/open-worker.ts';
import type { ProcessReport } from '../../kernel/processes/due/process.ts';
import { partBoard } from '../../kernel/processes/part-board.ts';
import { runTogether } from '../../domain/core/signals.ts';
import { watchHead } from '../compose/log-head.ts';
import { serveProjectorHealth } from '../compose/serve-health.ts';
import { daemonLogger } from '../compose/daemon-logger.ts';
import { openTelemetry } from '../compose/telemetry.ts';
import { usageError } from '../config/usage-error.ts';
import { EXIT } from '../terminal/terminal.ts';
import type { Work as CommandWork } from './command.ts';
import { examplesNeedAll, type StartOptions } from './start-options.ts';

/** The exit code after a refused projection while deliveries went on. */
const REFUSED = 4;

export const startPart: CommandWork<StartOptions> = async ({ config, signal }, options) => {
  if (options.once === true) {
    const hint = 'Use tocsin project --once for a projection until the head of the log.';
    throw usageError('once_needs_all', '--once needs --mode all', hint);
  }
  if (options.examples === true) throw examplesNeedAll();
  const { mode } = options;
  const who = `tocsin start --mode ${mode}`;
  const logger = daemonLogger(config);
  const isWorker = mode === 'worker';
  const board = partBoard(isWorker ? ['nats', 'worker'] : ['nats'], logger);
  const workers: Worker[] = [];
  const parts = () => [...board.status(), ...workers.flatMap((each) => each.status().processes)];
  await using opened = await openTelemetry(config, `tocsin-${mode}`);
  const { telemetry } = opened;
  await using unobserved = await openSealedStore(config, who, logger);
  const store = observedStore(unobserved, telemetry);
  using state = sqliteReadModel({ file: config.state, owner: who });
  const projected = { store, state, logger, telemetry, actor: who };
  const projector = await openOutputProjector(config, projected, board.reportOf('nats'));
  using deliveries = deliveryFacts(config, logger);
  const committed = () => projector.status().committed;
  await using head = watchHead({ store, kernel: config.name, committed, logger });
  await using health = await serveProjectorHealth(projector, parts, config.http, opened, {
    head: head.facts,
    deliveries: isWorker ? deliveries.read : undefined,
  });
  board.started('nats');
  logger.info({ mode, http: health.url, state: config.state }, 'started');
  let code: number = EXIT.done;
  const run = { standby: options.standby === true };
  if (!isWorker) {
    await projector.run(signal, run);
  } else {
    board.started('worker');
    await runTogether(signal, [
      (both) =>
        // Accepted notifications are delivered after a fatal error of the projection too; health is red.
        projector.run(both, run).catch((error: unknown) => {
          code = REFUSED;
          logger.error({ err: error }, 'the projection stopped; deliveries go on');
        }),
      (both) => {
        const report = board.reportOf('worker');
        return work({ config, store, logger, telemetry, report, workers }, both);
      },
    ]);
  }
  logger.info({ mode, committed: projector.status().outputSequence }, 'stopped');
  return code;
};

type Work = {
  readonly config: Config;
  readonly store: EventStore;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  readonly report: ProcessReport;
  /** Gets the workers before they run. */
  readonly workers: Worker[];
};

/** Delivers, evaluates and scans until the signal. */
async function work(
  { config, store, logger, telemetry, report, workers }: Work,
  signal: AbortSignal,
): Promise<void> {
  const opening = (): Promise<Kernel> => openProductKernel(config, store, { logger, telemetry });
  const kernel = await withRetries(opening, logger, signal, report);
  if (kernel === undefined) return;
  const { storeId } = kernel;
  await using delivery = await openDelivery(config, store, storeId, logger, telemetry);
  const { path } = config.tasks;
  await using source =
    path === undefined ? undefined : await openTasks(config, path, { watch: true, logger });
  await using tasks = await openTaskWorker({ config, store, storeId, source, logger, telemetry });
  workers.push(delivery.worker, tasks.worker);
  await runTogether(
    signal,
    workers.map((worker) => (both: AbortSignal) => worker.run(both)),
  );
}

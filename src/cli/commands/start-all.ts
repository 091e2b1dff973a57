// `tocsin start --mode all`: opens every part on this machine, in ./var, and runs them.
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { resolve, join } from 'node:path';
import { redactConnectionString } from '../../adapters/eventstore/esdb/connection-string.ts';
import { redactUrl } from '../../adapters/nats/options.ts';
import { sqliteReadModel } from '../../adapters/sqlite/read-model.ts';
import { observedStore } from '../../adapters/telemetry/observed-store.ts';
import { assertTasksExist } from '../../schedule/tasks/files/task-files.ts';
import { openProductKernel, openSealedStore } from '../compose/channels.ts';
import { embeddedFile, isEventStoreDb, openOutputProjector } from '../compose/compose.ts';
import { deliveryFacts } from '../compose/delivery-facts.ts';
import { openDelivery } from '../compose/delivery.ts';
import { openConfiguredNotary } from '../compose/notary.ts';
import { evaluatorOver, headOf, openTasks, openTaskWorker } from '../compose/tasks.ts';
import { hasProductFile } from '../config/product.ts';
import { watchHead } from '../compose/log-head.ts';
import { openTelemetry } from '../compose/telemetry.ts';
import { partBoard } from '../../kernel/processes/part-board.ts';
import { NO_ACCESS, type Config } from '../config/config.ts';
import { removeRunFile, writeRunFile, type RunFile } from '../config/run-file.ts';
import { exampleChannels, noExamples } from '../demo/example-channels.ts';
import { ensureExampleFolder, exampleFolder } from '../demo/example-tasks.ts';
import { wereExamplesRaised } from '../demo/example-triggers.ts';
import { createNarrator, withoutJson } from '../demo/narrator.ts';
import { startLive } from '../demo/start-live.ts';
import { startOnce } from '../demo/start-once.ts';
import { followStory, storyPrefixes, taskStory } from '../demo/task-story.ts';
import type { Work } from './command.ts';
import type { StartOptions } from './start-options.ts';
import { startNatsServer, stopLeftover } from '../../adapters/nats/server.ts';
import { keepRunning, type Kept } from '../compose/keep-running.ts';
import { startStoreProcess } from '../compose/store-process.ts';
import { untilAborted } from '../../domain/core/signals.ts';
import type { Logger } from '../../domain/ports/logger.ts';

/** The notary shares the projector's thread. */
const NOTARY_SHARE = 0.05;

export const startAll: Work<StartOptions> = async (context, options) => {
  const { config, terminal, signal } = context;
  if (config.tasks.path !== undefined) await assertTasksExist(config.tasks.path);
  mkdirSync(resolve('var'), { recursive: true, mode: 0o700 });
  // With --once and --json the summary is the one document on stdout.
  const narrator = createNarrator(
    options.once === true && terminal.json ? withoutJson(terminal) : terminal,
  );
  const { logger } = narrator;
  // The store's lock comes first: a second start must not touch the NATS server of the first.
  await using server = await startStore(config, { signal, logger });
  await using nats = await startNats(config, { signal, logger });
  // A user of the settings is for their server, not for ours.
  const natsAccess = config.natsWasGiven ? config.natsAccess : NO_ACCESS;
  const settled: Config = { ...config, store: server.url, nats: nats.url, natsAccess };
  await using opened = await openTelemetry(config, 'tocsin');
  const { telemetry } = opened;
  await using unobserved = await openSealedStore(settled, 'tocsin start');
  const store = observedStore(unobserved, telemetry);
  const { path } = config.tasks;
  const withExamples = options.examples === true || takesExamples(config);
  if (path === undefined) ensureExampleFolder(Date.now(), withExamples && !wereExamplesRaised());
  await using source = await openTasks(config, path ?? exampleFolder(), {
    watch: options.once !== true,
    logger,
  });
  // The example tasks must not evaluate the triggers of others.
  const evaluateLater = path === undefined ? undefined : evaluatorOver(source, config);
  const opening = openProductKernel(config, store, { logger, telemetry, evaluateLater });
  await using kernel = await untilAborted(opening, signal);
  using state = sqliteReadModel({ file: config.state, owner: 'tocsin start' });
  const { committed: onCommit } = narrator;
  const actor = 'tocsin start';
  const board = partBoard(['nats', 'notary'], logger);
  const projector = await openOutputProjector(
    settled,
    { store, state, logger, telemetry, actor, onCommit },
    board.reportOf('nats'),
  );
  const parts = { ...context, config: settled, kernel, projector, narrator, withExamples };
  const tasks = { config: settled, store, storeId: kernel.storeId, source, logger, telemetry };
  if (options.once === true) return await startOnce(parts, tasks);
  const { serveProjectorHealth, serveApi } = await loadServers();
  await using examples = withExamples
    ? await exampleChannels(settled, store, narrator, signal)
    : noExamples(settled);
  await using delivery = await openDelivery(
    examples.config,
    store,
    kernel.storeId,
    logger,
    telemetry,
  );
  await using taskWorker = await openTaskWorker(tasks);
  const signs = { log: store, logger, owner: actor, share: NOTARY_SHARE, telemetry };
  using notary = await openConfiguredNotary(settled, signs);
  const jobs = taskStory(terminal);
  const from = await untilAborted(headOf(store, storyPrefixes(config.name)), signal);
  const statusOf = () => [
    ...board.status(),
    ...delivery.worker.status().processes,
    ...taskWorker.worker.status().processes,
  ];
  using deliveries = deliveryFacts(config, logger);
  const committed = () => projector.status().committed;
  await using head = watchHead({ store, kernel: config.name, committed, logger });
  await using health = await serveProjectorHealth(projector, statusOf, config.http, opened, {
    head: head.facts,
    deliveries: deliveries.read,
  });
  board.started('nats');
  board.started('notary');
  const allowRemote = options.allowRemote === true;
  await using api = await serveApi({
    config: examples.config,
    store,
    kernel,
    logger,
    telemetry,
    allowRemote,
    health: health.view,
  });
  writeRunFile({
    ...addressesOf(config, server.url, nats.url),
    http: health.url,
    receiver: examples.url,
  });
  try {
    return await startLive(parts, { http: health.url, api: api.url, console: api.console() }, [
      (both) => delivery.worker.run(both),
      (both) => taskWorker.worker.run(both),
      // A log that has changed stops the notary alone; health is red.
      (both) =>
        notary.run(both, board.reportOf('notary')).catch((error: unknown) => {
          board.stopped('notary');
          logger.error({ err: error }, 'the notary stopped; everything else goes on');
        }),
      (both) => followStory(store, jobs, { name: config.name, from }, both),
    ]);
  } finally {
    removeRunFile();
  }
};

/** Where commands find the servers. Credentials are told of own servers only. */
function addressesOf(config: Config, store: string, nats: string): Omit<RunFile, 'http'> {
  const { settings, withheld } = config.told;
  const isServer = isEventStoreDb(config.store);
  const toldStore = isServer ? redactConnectionString(store) : store;
  return {
    pid: process.pid,
    store: toldStore,
    ...(isServer ? {} : { storeFile: embeddedFile(config.store) }),
    nats: config.natsWasGiven ? redactUrl(nats) : nats,
    ownNats: !config.natsWasGiven,
    settings,
    withheld: [
      ...withheld,
      ...(toldStore === store ? [] : ['store' as const]),
      ...(config.natsWasGiven && nats.includes('@') ? ['nats' as const] : []),
    ],
  };
}

/** Not in a function with `using`: there the compiler leaves the path of an import as `.ts`. */
async function loadServers() {
  const [health, api] = await Promise.all([
    import('../compose/serve-health.ts'),
    import('../compose/serve-api.ts'),
  ]);
  return { ...health, ...api };
}

/** False where the log may be that of a production, whose users the examples would notify, or of another product. */
function takesExamples({ store, natsWasGiven }: Config): boolean {
  return !isEventStoreDb(store) && !natsWasGiven && !hasProductFile();
}

type Parts = { readonly signal: AbortSignal; readonly logger: Logger };

/** A server that runs already, and goes on after this process. */
function running(url: string): Kept {
  return { url, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** The store that the configuration names, or a server of our own before the embedded store. */
async function startStore({ store }: Config, parts: Parts): Promise<Kept> {
  return isEventStoreDb(store) ? running(store) : startStoreProcess(store, parts);
}

/** The NATS server that the configuration names, or one of our own. */
async function startNats(config: Config, { signal, logger }: Parts): Promise<Kept> {
  if (config.natsWasGiven) return running(config.nats);
  const pidFile = resolve('var/nats.pid');
  // A killed start leaves its server running, and two servers would corrupt the folder.
  await untilAborted(stopLeftover(pidFile), signal);
  const user = { name: 'tocsin', password: randomBytes(32).toString('base64url') };
  const options = { storeDir: join(resolve('var'), 'nats'), pidFile, user };
  const first = await startNatsServer({ ...options, signal });
  const { port } = first;
  const launch = (stopped: AbortSignal) => startNatsServer({ ...options, port, signal: stopped });
  return keepRunning(first, { name: 'nats-server', launch, logger });
}

// `tocsin start --mode all`: opens every part on this machine, in ./var, and runs them.
import { mkdirSync } from 'node:fs';
import { resolve, join } from 'node:path';
import { redactConnectionString } from '../../adapters/eventstore/esdb/connection-string.ts';
import { redactUrl } from '../../adapters/nats/options.ts';
import { sqliteReadModel } from '../../adapters/sqlite/read-model.ts';
import { openKernel } from '../../kernel/open-kernel.ts';
import { openProjector } from '../../kernel/open-projector.ts';
import { assertTasksExist } from '../../schedule/tasks/files/task-files.ts';
import { scheduleProduct } from '../../schedule/triggers.ts';
import { openSealing } from '../compose/channels.ts';
import { openOutput, openStore, isEventStoreDb } from '../compose/compose.ts';
import { openDelivery } from '../compose/delivery.ts';
import { evaluatorOver, headOf, openTasks, openTaskWorker } from '../compose/tasks.ts';
import type { Config } from '../config/config.ts';
import { removeRunFile, writeRunFile } from '../config/run-file.ts';
import { exampleChannels } from '../demo/example-channels.ts';
import { ensureExampleFolder, exampleFolder } from '../demo/example-tasks.ts';
import { wereExamplesRaised } from '../demo/example-triggers.ts';
import { createNarrator, withoutJson } from '../demo/narrator.ts';
import { startLive } from '../demo/start-live.ts';
import { startOnce } from '../demo/start-once.ts';
import { followStory, storyPrefixes, taskStory } from '../demo/task-story.ts';
import type { Work } from './command.ts';
import { startNatsServer, stopLeftover } from '../../adapters/nats/server.ts';
import { startStoreProcess } from '../compose/store-process.ts';

type Options = {
  readonly once?: true;
  readonly allowRemote?: true;
};

export const startAll: Work<Options> = async (context, options) => {
  const startedAt = performance.now();
  const { config, terminal } = context;
  if (config.tasks.path !== undefined) await assertTasksExist(config.tasks.path);
  mkdirSync(resolve('var'), { recursive: true });
  // The store's lock comes first: a second start must not touch the NATS server of the first.
  await using server = await startStore(config);
  await using nats = await startNats(config);
  const settled: Config = { ...config, store: server.url, nats: nats.url };
  await using opened = await openStore(settled, 'tocsin start');
  await using sealing = await openSealing(config, opened);
  const { store } = sealing;
  // With --once and --json the summary is the one document on stdout.
  const narrator = createNarrator(
    options.once === true && terminal.json ? withoutJson(terminal) : terminal,
  );
  const { logger } = narrator;
  const { path } = config.tasks;
  if (path === undefined) ensureExampleFolder(Date.now(), !wereExamplesRaised());
  await using source = await openTasks(config, path ?? exampleFolder(), {
    watch: options.once !== true,
    logger,
  });
  await using kernel = await openKernel({
    ...scheduleProduct,
    store,
    name: config.name,
    evaluation: config.evaluation,
    // The example tasks must not evaluate the triggers of others.
    ...(path === undefined ? {} : { evaluateLater: evaluatorOver(source, config) }),
  });
  using state = sqliteReadModel({ file: config.state, owner: 'tocsin start' });
  const projector = await openProjector({
    store,
    state,
    output: await openOutput(settled, logger),
    name: config.name,
    subjectRoot: config.subjectRoot,
    source: config.source,
    logger,
    actor: 'tocsin start',
    onCommit: narrator.committed,
  });
  const parts = { ...context, config: settled, kernel, projector, narrator, startedAt };
  const tasks = { config: settled, store, storeId: kernel.storeId, source, logger };
  if (options.once === true) return await startOnce(parts, tasks);
  const { serveProjectorHealth, serveApi } = await loadServers();
  await using examples = await exampleChannels(settled, store, narrator);
  await using delivery = await openDelivery(examples.config, store, kernel.storeId, logger);
  await using taskWorker = await openTaskWorker(tasks);
  const jobs = taskStory(terminal);
  const from = await headOf(store, storyPrefixes(config.name));
  await using health = await serveProjectorHealth(projector, config.http);
  const allowRemote = options.allowRemote === true;
  await using api = await serveApi({ config: examples.config, store, kernel, logger, allowRemote });
  writeRunFile({
    pid: process.pid,
    store: redactConnectionString(server.url),
    nats: redactUrl(nats.url),
    http: health.url,
    ...(config.evaluation === 'later' ? { evaluation: 'later' as const } : {}),
    receiver: examples.url,
  });
  try {
    return await startLive(parts, { http: health.url, api: api.url }, [
      (both) => delivery.worker.run(both),
      (both) => taskWorker.worker.run(both),
      (both) => followStory(store, jobs, { name: config.name, from }, both),
    ]);
  } finally {
    removeRunFile();
  }
};

/** Not in a function with `using`: there the compiler leaves the path of an import as `.ts`. */
async function loadServers() {
  const [health, api] = await Promise.all([
    import('../compose/serve-health.ts'),
    import('../compose/serve-api.ts'),
  ]);
  return { ...health, ...api };
}

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

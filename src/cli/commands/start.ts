// `tocsin start`: everything on one machine, in ./var.
import { createReadStream, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Option, type Command } from 'commander';
import { redactConnectionString } from '../../adapters/eventstore/esdb/connection-string.ts';
import { assertTasksExist } from '../../schedule/tasks/files/task-files.ts';
import { startNatsServer, stopLeftover } from '../../adapters/nats/server.ts';
import { redactUrl } from '../../adapters/nats/options.ts';
import { sqliteReadModel } from '../../adapters/sqlite/read-model.ts';
import { openKernel, type Kernel } from '../../kernel/open-kernel.ts';
import { openProjector } from '../../kernel/open-projector.ts';
import type { Projector } from '../../projections/publisher/projector.ts';
import { openSealing } from '../compose/channels.ts';
import { openDelivery } from '../compose/delivery.ts';
import {
  evaluatorOver,
  headOf,
  openTasks,
  openTaskWorker,
  type TaskWorkerOptions,
} from '../compose/tasks.ts';
import { isEventStoreDb, openOutput, openStore } from '../compose/compose.ts';
import type { Config } from '../config/config.ts';
import { narrator, type Narrator } from '../demo/narrator.ts';
import { runTogether } from '../compose/run-together.ts';
import { removeRunFile, writeRunFile } from '../config/run-file.ts';
import { startStoreProcess } from '../compose/store-process.ts';
import { EXIT, secondsSince, type Terminal } from '../terminal/terminal.ts';
import { exampleFolder, ensureExampleFolder } from '../demo/example-tasks.ts';
import { followStory, storyPrefixes, taskStory } from '../demo/task-story.ts';
import { runTasksOnce } from '../demo/tasks-once.ts';
import { CHANNEL_SETTINGS, NATS_SETTINGS, TASK_SETTINGS } from '../config/settings.ts';
import { execute, withCommonOptions, type Context, type Work } from './command.ts';
import { raiseLines, type RaiseSummary } from '../compose/raise-file.ts';
import { untilAborted } from './raise.ts';
import { exampleChannels } from '../demo/example-channels.ts';
import { scheduleProduct } from '../../schedule/triggers.ts';

type Options = {
  readonly mode: (typeof MODES)[number];
  readonly once?: true;
  readonly standby?: true;
  readonly allowRemote?: true;
  readonly json?: true;
};

/** Which parts run in this process. */
const MODES = ['all', 'api', 'worker', 'projector'] as const;

/** Raises in flight; enough to fill group commits. */
const CONCURRENCY = 64;

export function startCommand(program: Command): void {
  const command = program
    .command('start')
    .description('run everything on this machine, in ./var, or one part of it beside others')
    .addOption(
      new Option(
        '--mode <MODE>',
        'all, or only api (HTTP), worker (projection, delivery) or projector',
      )
        .choices(MODES)
        .default('all'),
    )
    .option('--standby', 'worker and projector: publish only when no other one does')
    .option('--allow-remote', 'let the HTTP API listen where other machines reach it (--api)')
    .option('--once', 'raise the examples, project, print the summary and exit');
  const settings = ['store', ...NATS_SETTINGS, 'state', 'name', 'source', 'http', 'api'] as const;
  withCommonOptions(command, [
    ...settings,
    ...TASK_SETTINGS,
    'worker',
    'frontend',
    'delivery',
    ...CHANNEL_SETTINGS,
    'logLevel',
  ])
    .addHelpText(
      'after',
      `
On the first start it reads examples/tasks.ics (with its times moved to now) and raises
examples/triggers.ndjson, and shows what becomes of both. It then follows the calendars in var/tasks, or
those that --tasks names, and takes trigger lines on its standard input, until Ctrl-C. A second start
goes on where the first stopped.

The other modes start no servers: they use those of a running start, or those that --store and --nats
name. Two workers on one machine need a --worker and a --state each.

Examples:
  tocsin start
  tocsin start --tasks ~/calendars --tasks-user 42
  tocsin start --mode api --api 127.0.0.1:8080
  tocsin start --mode worker --store esdb://127.0.0.1:2113 --nats nats://127.0.0.1:4222
  tocsin start --once --json
  TOCSIN_NATS=nats://127.0.0.1:4222 tocsin start`,
    )
    .action((options: Options) => startMode(options));
}

async function startMode({ mode, ...options }: Options): Promise<void> {
  switch (mode) {
    case 'all':
      return execute({ mode, ...options }, start, { useRunFile: false });
    case 'api':
      return execute(options, (await import('./start-api.ts')).startApi);
    case 'worker':
    case 'projector':
      return execute({ mode, ...options }, (await import('./start-part.ts')).startPart);
  }
}

const start: Work<Options> = async (context, options) => {
  const startedAt = performance.now();
  const { config, terminal } = context;
  if (config.tasks.path !== undefined) await assertTasksExist(config.tasks.path);
  mkdirSync(resolve('var'), { recursive: true });
  // The store's lock comes first: a second start must not touch the first one's NATS server.
  await using server = await storeOf(config);
  await using nats = await natsOf(config);
  const settled: Config = { ...config, store: server.url, nats: nats.url };
  await using opened = await openStore(settled, 'tocsin start');
  await using sealing = await openSealing(config, opened);
  const { store } = sealing;
  // With --once and --json the summary is the one document on stdout.
  const story = narrator(options.once === true && terminal.json ? silent(terminal) : terminal);
  const { path } = config.tasks;
  if (path === undefined) ensureExampleFolder(Date.now(), !existsSync(examplesDone()));
  await using source = await openTasks(config, path ?? exampleFolder(), {
    watch: options.once !== true,
    logger: story.logger,
  });
  await using kernel = await openKernel({
    ...scheduleProduct,
    store,
    name: config.name,
    evaluation: config.evaluation,
    // The examples are there to become due, not to answer for everybody.
    ...(path === undefined ? {} : { evaluateLater: evaluatorOver(source, config) }),
  });
  using state = sqliteReadModel({ file: config.state, owner: 'tocsin start' });
  const projector = await openProjector({
    store,
    state,
    output: await openOutput(settled, story.logger),
    name: config.name,
    subjectRoot: config.subjectRoot,
    source: config.source,
    logger: story.logger,
    actor: 'tocsin start',
    onCommit: story.committed,
  });
  const running = { context, kernel, projector, story, startedAt };
  const tasks = {
    config: settled,
    store,
    storeId: kernel.storeId,
    source,
    logger: story.logger,
  };
  if (options.once === true) return await once(running, tasks);
  const { serveProjectorHealth, serveApi } = await loadServers();
  await using examples = await exampleChannels(settled, store, story);
  await using delivery = await openDelivery(examples.config, store, kernel.storeId, story.logger);
  await using taskWorker = await openTaskWorker(tasks);
  const jobs = taskStory(terminal);
  const from = await headOf(store, storyPrefixes(config.name));
  await using health = await serveProjectorHealth(projector, config.http);
  const allowRemote = options.allowRemote === true;
  const { logger } = story;
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
    const all = { ...running, context: { ...context, config: settled } };
    return await live(all, { http: health.url, api: api.url }, [
      (both) => delivery.worker.run(both),
      (both) => taskWorker.worker.run(both),
      (both) => followStory(store, jobs, { name: config.name, from }, both),
    ]);
  } finally {
    removeRunFile();
  }
};

/** For a run that serves: --once needs neither. Without `using`: there the compiler leaves an import's path as `.ts`. */
async function loadServers() {
  const [health, api] = await Promise.all([
    import('../compose/serve-health.ts'),
    import('../compose/serve-api.ts'),
  ]);
  return { ...health, ...api };
}

/** The summary is then the one document on stdout. */
function silent(terminal: Terminal): Terminal {
  return { ...terminal, print: () => undefined };
}

type Running = {
  readonly context: Context;
  readonly kernel: Kernel;
  readonly projector: Projector;
  readonly story: Narrator;
  readonly startedAt: number;
};

async function once(running: Running, tasks: TaskWorkerOptions): Promise<number> {
  const { context, kernel, projector, story, startedAt } = running;
  const { terminal, signal, wasInterrupted } = context;
  const raised = await raiseExamples(kernel, story, signal);
  const jobs = await runTasksOnce(tasks, silent(terminal), signal);
  const summary = await projector.once({}, signal);
  const { read = 0, duplicates = 0, rejected = 0 } = raised ?? {};
  const result = {
    read,
    raised: (raised?.raised ?? 0) + jobs.raised,
    duplicates,
    rejected,
    jobs: { scheduled: jobs.scheduled, triggered: jobs.triggered, skipped: jobs.skipped },
    ...summary,
    seconds: secondsSince(startedAt),
  };
  terminal.print(result);
  terminal.say(
    `${jobs.scheduled} jobs scheduled, ${jobs.triggered} triggered; ${result.raised} raised, ` +
      `${duplicates} duplicates; ${summary.triggered} triggers and ` +
      `${summary.published} notifications published, ${summary.suppressed} suppressed ` +
      `(output sequence ${summary.outputSequence}, ${result.seconds} s)`,
  );
  if (wasInterrupted()) return EXIT.interrupted;
  return rejected > 0 ? EXIT.partly : EXIT.done;
}

async function live(
  running: Running,
  { http, api }: { readonly http: string; readonly api: string },
  workers: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<number> {
  const { context, kernel, projector, story } = running;
  const { terminal, signal } = context;
  const { store, nats } = context.config;
  terminal.say(`Tocsin is up: store ${redactConnectionString(store)}, NATS ${redactUrl(nats)}`);
  terminal.say(`  health and metrics   ${http}/health/ready  ${http}/metrics`);
  terminal.say(`  HTTP API             ${api}/openapi.json  (a token: tocsin token create --help)`);
  terminal.say('  in a second terminal npm run -s tocsin -- watch');
  terminal.say('                       npm run -s tocsin -- raise --file examples/triggers.ndjson');
  terminal.say('                       npm run -s tocsin -- audit replay');
  terminal.say(`  tasks are read from  ${context.config.tasks.path ?? exampleFolder()}`);
  const project = runTogether(signal, [(both) => projector.run(both), ...workers]);
  const examples = await Promise.race([raiseExamples(kernel, story, signal), project]);
  if (examples !== undefined) sayRaised(terminal, examples);
  terminal.say('Type or pipe trigger lines here (NDJSON); Ctrl-C stops.');
  const stopReading = (): void => {
    process.stdin.destroy();
  };
  signal.addEventListener('abort', stopReading, { once: true });
  // A signal that came before somebody listened is not raised again.
  if (signal.aborted) stopReading();
  const typed = raiseLines(kernel, untilAborted(process.stdin, signal), CONCURRENCY, story.raised);
  const reading = typed.then(
    (summary) => {
      if (summary.read > 0) sayRaised(terminal, summary);
    },
    (error: unknown) => {
      // Destroying stdin is how reading ends; every other failure is one.
      if (!signal.aborted) throw error;
    },
  );
  try {
    await Promise.all([project, reading]);
  } finally {
    // After a refusal too: an open stdin would keep the process.
    stopReading();
  }
  terminal.say('Stopped; the next start goes on from here.');
  return EXIT.done;
}

function sayRaised(terminal: Terminal, summary: RaiseSummary): void {
  const { read, raised, duplicates, rejected } = summary;
  terminal.say(`${read} lines: ${raised} raised, ${duplicates} duplicates, ${rejected} rejected`);
}

/** Its being there says that the examples were raised. */
const examplesDone = (): string => resolve('var/examples-raised');

/** The examples, until they were raised once; raising them again after a kill does no harm. */
async function raiseExamples(
  kernel: Kernel,
  story: Narrator,
  signal: AbortSignal,
): Promise<RaiseSummary | undefined> {
  const done = examplesDone();
  const file = fileURLToPath(new URL('../../../examples/triggers.ndjson', import.meta.url));
  if (existsSync(done) || !existsSync(file)) return undefined;
  const source = untilAborted(createReadStream(file), signal);
  const summary = await raiseLines(kernel, source, CONCURRENCY, story.raised);
  if (!signal.aborted) writeFileSync(done, '');
  return summary;
}

/** The server that was named, or one of our own before the embedded store. */
async function storeOf(config: Config): Promise<AsyncDisposable & { readonly url: string }> {
  if (!isEventStoreDb(config.store)) return startStoreProcess(config.store);
  return { url: config.store, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** The NATS server that was named, or one of our own. */
async function natsOf(config: Config): Promise<AsyncDisposable & { readonly url: string }> {
  if (config.natsWasGiven) {
    return { url: config.nats, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const pidFile = resolve('var/nats.pid');
  // A killed start leaves its server behind; two servers on one folder would ruin it.
  await stopLeftover(pidFile);
  return startNatsServer({ storeDir: join(resolve('var'), 'nats'), pidFile });
}

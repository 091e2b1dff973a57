// Composes the task source, the processes over it and the evaluator of the command line.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TaskFiles } from '../../schedule/tasks/files/task-files.ts';
import { categoryPrefix } from '../../domain/core/ids.ts';
import type { Instant } from '../../domain/core/instants.ts';
import { comparePositions, type Position } from '../../domain/core/positions.ts';
import { BUILT_IN_DETECTORS } from '../../schedule/detectors/built-in.ts';
import { DEFAULT_SLOT_TABLE } from '../../schedule/evaluation/slot-table.ts';
import type { LaterEvaluator } from '../../domain/ports/evaluator.ts';
import type { EventStore } from '../../domain/ports/event-store.ts';
import type { Logger } from '../../domain/ports/logger.ts';
import { noTelemetry, type Telemetry } from '../../domain/ports/telemetry.ts';
import { taskEvaluator } from '../../schedule/evaluation/task-evaluator.ts';
import { importDueJobs } from '../../schedule/import-due-jobs.ts';
import { openKernel } from '../../kernel/open-kernel.ts';
import { openWorker, type Worker } from '../../kernel/open-worker.ts';
import { EVALUATION_INDEX, evaluationProcess } from '../../kernel/processes/evaluation.ts';
import { EXPIRY_INDEX, expiryProcess } from '../../kernel/processes/expiry.ts';
import type { Process } from '../../kernel/processes/due/process.ts';
import { DUE_JOB_INDEX, scannerProcess } from '../../schedule/scanner.ts';
import { systemRuntime } from '../../kernel/decider/runtime.ts';
import { taskFollowerProcess } from '../../schedule/task-follower.ts';
import { triggerPrefixes } from '../../kernel/processes/trigger-streams.ts';
import { DUE_RANKS, type DueIndex, type DueIndexes } from '../../kernel/processes/due/due-index.ts';
import type { Config } from '../config/config.ts';
import { loadProduct } from '../config/product.ts';
import { scheduleTriggers } from '../../schedule/triggers.ts';
import { kernelOptionsOf } from './channels.ts';
import { CLI_ACTOR, kernelContext } from './kernel-context.ts';

export type TaskWorkerOptions = {
  readonly config: Config;
  readonly store: EventStore;
  readonly storeId: string;
  /** The caller closes it. Absent, no job becomes due and the worker only expires previews. */
  readonly source: TaskFiles | undefined;
  /** True: jobs are adapted by `importAll` only, and previews do not expire. */
  readonly once?: boolean;
  readonly logger: Logger;
  readonly telemetry?: Telemetry;
};

export type TaskWorker = AsyncDisposable & {
  readonly worker: Worker;
  readonly importAll: (signal: AbortSignal) => Promise<void>;
  /** True when every job that is due up to `until` is done and its trigger evaluated. */
  readonly isDone: (until: Instant) => Promise<boolean>;
};

/** Opens the worker for due jobs, evaluation and expiry. Disposing closes its files; stop it before. */
export async function openTaskWorker(options: TaskWorkerOptions): Promise<TaskWorker> {
  const sqliteDueIndexes = await loadDueIndexes();
  const { config, store, storeId, source, logger, once = false } = options;
  const { telemetry = noTelemetry } = options;
  const { name } = config;
  await using opened = new AsyncDisposableStack();
  mkdirSync(config.worker, { recursive: true, mode: 0o700 });
  const file = join(config.worker, 'jobs.db');
  const indexes = opened.use(sqliteDueIndexes({ file, storeId, owner: 'a worker' }));
  const parts =
    source === undefined ? NOTHING_DUE : await openParts(options, source, indexes, opened);
  const processes = [...parts.processes];
  if (!once) {
    const index = indexes.open(EXPIRY_INDEX);
    processes.push(expiryProcess({ store, index, name, logger, telemetry }));
  }
  const worker = openWorker({ processes, logger });
  const held = opened.move();
  const { importAll, isDone } = parts;
  return { worker, importAll, isDone, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** Without `using`: in a function with it the compiler leaves an import's path as `.ts`. */
async function loadDueIndexes() {
  return (await import('../../adapters/sqlite/due-index.ts')).sqliteDueIndexes;
}

type Parts = Pick<TaskWorker, 'importAll' | 'isDone'> & { readonly processes: readonly Process[] };

const NOTHING_DUE: Parts = {
  processes: [],
  importAll: () => Promise.resolve(),
  isDone: () => Promise.resolve(true),
};

/** Opens the task source; with `watch` it reads changed files again. */
export async function openTasks(
  { tasks }: Pick<Config, 'tasks'>,
  path: string,
  options: { readonly watch: boolean; readonly logger?: Logger },
): Promise<TaskFiles> {
  const { openTaskFiles } = await import('../../schedule/tasks/files/task-files.ts');
  const { user, timeZone, leadMs: urgencyLeadMs } = tasks;
  return openTaskFiles({ path, user, timeZone, urgencyLeadMs, now: Date.now, ...options });
}

export function evaluatorOver(source: TaskFiles, { tasks }: Config): LaterEvaluator {
  const slots = { ...DEFAULT_SLOT_TABLE, timeZone: tasks.timeZone };
  return taskEvaluator({ source, slots }).evaluate;
}

/** The processes over a task source: follower, scanner and evaluation. */
async function openParts(
  { config, store, logger, telemetry = noTelemetry, once = false }: TaskWorkerOptions,
  source: TaskFiles,
  indexes: DueIndexes,
  opened: AsyncDisposableStack,
): Promise<Parts> {
  const { name } = config;
  const product = await loadProduct();
  // Tasks raise the types of the schedule, whatever the product is.
  const triggers = [...product.triggers, ...scheduleTriggers];
  const types = kernelOptionsOf({ ...product, triggers }, config.channel ?? 'feishu');
  const kernel = opened.use(
    await openKernel({ ...types, store, name, telemetry, evaluation: 'later' }),
  );
  const jobs = indexes.open(DUE_JOB_INDEX);
  const evaluations = indexes.open(EVALUATION_INDEX);
  const evaluate = evaluatorOver(source, config);
  const common = { ...systemRuntime(), store, kernelName: name, logger, telemetry };
  const detectors = BUILT_IN_DETECTORS;
  const follower = taskFollowerProcess({ ...common, source, detectors });
  return {
    processes: [
      ...(once ? [] : [follower]),
      scannerProcess({ ...common, kernel, source, detectors, index: jobs }),
      evaluationProcess({ ...types, store, index: evaluations, evaluate, name, logger, telemetry }),
    ],
    async importAll(signal) {
      const context = { ...dueJobContext(store, name), signal };
      await importDueJobs(context, source.snapshot());
    },
    async isDone(until) {
      // Jobs first: their triggers are in the log before the jobs are done.
      if (await waits(store, jobs, [categoryPrefix(name, 'duejob')], until)) return false;
      return !(await waits(store, evaluations, triggerPrefixes(name), until));
    },
  };
}

export function dueJobContext(store: EventStore, kernel: string) {
  return { ...kernelContext(store, kernel), actor: CLI_ACTOR, detectors: BUILT_IN_DETECTORS };
}

/** True when the index is behind the log, or has a row that is due up to `until`. */
async function waits(
  store: EventStore,
  index: DueIndex,
  prefixes: readonly string[],
  until: Instant,
): Promise<boolean> {
  const head = await headOf(store, prefixes);
  const position = index.position();
  const isBehind =
    head !== undefined && (position === undefined || comparePositions(position, head) < 0);
  const next = DUE_RANKS.map((rank) => index.next(rank, new Set()) ?? Infinity);
  return isBehind || Math.min(...next) <= until;
}

/** The position of the last event in streams with these prefixes. */
export async function headOf(
  store: Pick<EventStore, 'readAll'>,
  prefixes: readonly string[],
): Promise<Position | undefined> {
  const last = store.readAll({ direction: 'backwards', prefixes, maxCount: 1 });
  for await (const [event] of last) if (event !== undefined) return event.position;
  return undefined;
}

// `due`: many jobs that are due in the same second, and single ones that are due soon while nothing else
// is. Both on an embedded store and an index file, as a worker has them.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { sqliteDueIndexes } from '../../src/adapters/sqlite/due-index.ts';
import { createTaskTable } from '../../src/schedule/tasks/files/task-table.ts';
import { BUILT_IN_DETECTORS } from '../../src/schedule/detectors/built-in.ts';
import type { Task } from '../../src/schedule/tasks/task-source.ts';
import { importDueJobs } from '../../src/schedule/import-due-jobs.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { DUE_JOB_INDEX, scannerProcess, type ScannerOptions } from '../../src/schedule/scanner.ts';
import { systemRuntime } from '../../src/kernel/decider/runtime.ts';
import { shown, type Report, type Surroundings } from '../support/bench.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

const SOON_MS = 50;

export async function benchDue({ sizes, folder, say }: Surroundings): Promise<Report> {
  const jobs = Math.min(10_000, sizes.requests);
  const singles = Math.min(200, Math.ceil(sizes.requests / 50));
  say(`due: ${jobs} jobs in one second, then ${singles} single ones`);
  await using worker = await openWorkerOn(join(folder, 'due'));
  const at = Date.now() + jobs * 2;
  await worker.schedule(Array.from({ length: jobs }, (_, n) => aTask(n, at)));
  await sleep(Math.max(0, at - Date.now()));
  const before = process.cpuUsage();
  await worker.until(jobs);
  const seconds = (Date.now() - at) / 1000;
  const { user, system } = process.cpuUsage(before);
  const cpuSeconds = (user + system) / 1e6;
  const late: number[] = [];
  for (let n = 0; n < singles; n += 1) {
    const due = Date.now() + SOON_MS;
    await worker.schedule([aTask(jobs + n, due)]);
    await worker.until(jobs + n + 1);
    late.push(worker.lastAt() - due);
  }
  late.sort((a, b) => a - b);
  const p99 = late[Math.floor(late.length * 0.99)] ?? 0;
  const p50 = late[Math.floor(late.length * 0.5)] ?? 0;
  return {
    case: 'due',
    figures: { jobs, seconds, cpuSeconds, late: { unit: 'ms', p50, p99 } },
    targets: [
      { what: `seconds until ${jobs} jobs are triggered`, reached: seconds, below: 10 },
      { what: 'p99 in ms from the instant to the trigger, idle', reached: p99, below: 100 },
    ],
    lines: [
      `${jobs} jobs of one instant  ${shown(seconds, 2)} s (${shown(jobs / seconds)} a second; ` +
        `${shown(cpuSeconds, 2)} s of CPU time)`,
      `single jobs  p50 ${shown(p50)} ms, p99 ${shown(p99)} ms after their instant`,
    ],
  };
}

function aTask(n: number, urgencyThresholdAt: number): Task {
  const about = { userId: String(n + 1), taskId: String(n + 1), title: '', priority: 1 } as const;
  return { ...about, completed: false, urgencyThresholdAt, estimatedSections: 1 };
}

/** A scanner at work on files of its own. */
async function openWorkerOn(folder: string) {
  const store = await embeddedStore({ file: join(folder, 'events.db'), holder: 'npm run bench' });
  const kernel = await openKernel({ ...scheduleProduct, store });
  const indexes = sqliteDueIndexes({ file: join(folder, 'due.db'), storeId: kernel.storeId });
  const stop = new AbortController();
  const runtime = systemRuntime();
  const table = createTaskTable();
  let raised = 0;
  let lastAt = 0;
  const counting: ScannerOptions['kernel'] = {
    async raise(input, call) {
      const result = await kernel.raise(input, call);
      raised += 1;
      lastAt = Date.now();
      return result;
    },
  };
  const running = scannerProcess({
    ...runtime,
    store,
    kernel: counting,
    source: table,
    detectors: BUILT_IN_DETECTORS,
    index: indexes.open(DUE_JOB_INDEX),
  }).run(stop.signal);
  const context = { store, kernel: 'tocsin', runtime, actor: 'bench' };
  return {
    lastAt: () => lastAt,
    async schedule(tasks: readonly Task[]) {
      table.replace({ tasks, blocks: [] });
      const options = { detectors: BUILT_IN_DETECTORS, concurrency: 256, signal: stop.signal };
      await importDueJobs({ ...context, ...options }, { tasks, blocks: [] }, () => undefined);
    },
    async until(count: number) {
      while (raised < count) await sleep(1);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      indexes[Symbol.dispose]();
      await kernel.close();
      await store[Symbol.asyncDispose]();
    },
  };
}

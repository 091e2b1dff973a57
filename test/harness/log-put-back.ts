// A fault: one process finds an earlier copy of the log in the place of the log, and the copy has grown by
// events that never were in the log. The process must refuse it; nothing of the copy may become a message or
// a call. Afterwards the log is back.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';
import { mayEnd, within, type Chance, type Fault, type FaultContext } from './faults.ts';
import type { Proxy } from './proxy.ts';
import { Supervised } from './supervised.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** More than is raised while the copy's front starts, so that the copy reaches beyond the log. */
const FORK_RAISES = 150;
const MOVED_MS = 20_000;
let forks = 0;

/** @param placeOf up to where in the log the process has read, as its files say */
export function puttingLogBack(
  context: FaultContext,
  weight: number,
  { process, toStore }: { readonly process: Supervised; readonly toStore: Proxy },
  random: Chance,
  placeOf: () => number | Promise<number>,
): Fault {
  const { cluster, note } = context;
  return {
    kind: 'log put back',
    weight,
    run: async () => {
      forks += 1;
      const file = join(cluster.folder, `earlier-${forks}.db`);
      const end = await copyWithOtherEvents(cluster.storeFile, file);
      await using front = await frontOf(file, context);
      // Before it has read something that the copy lacks, it cannot know that the copy is not the log.
      const hasReadOn = async (): Promise<boolean> => (await placeOf()) > end;
      await within(MOVED_MS, hasReadOn);
      if (await hasReadOn()) {
        await mayEnd(context, process.name, async () => {
          toStore.redirect(front.port);
          toStore.cut('reset');
          await sleep(1_000 + random() * 6_000);
          toStore.redirect();
          toStore.cut('reset');
        });
      } else note(`${process.name} stood still; it did not see an earlier log`);
    },
  };
}

/** Copies the log, and raises in the copy what the log does not have. Returns the last place of the copied events. */
async function copyWithOtherEvents(log: string, file: string): Promise<number> {
  const db = new DatabaseSync(log, { readOnly: true, timeout: 5_000 });
  try {
    await backup(db, file);
  } finally {
    db.close();
  }
  await using store = await embeddedStore({ file });
  let end = -1;
  const last = store.readAll({ direction: 'backwards', prefixes: [''], maxCount: 1 });
  for await (const page of last) for (const { position } of page) end = Number(position.commit);
  await using kernel = await openKernel({ ...scheduleProduct, store });
  for (let n = 0; n < FORK_RAISES; n += 1) {
    await kernel.raise({
      userId: `never-${forks}-${n}`,
      triggerType: 'important_urgent_task',
      source: 'api_trigger',
      targetType: 'task_pool',
      targetId: String(n + 1),
      requestedAt: '2026-01-01T00:00:00Z',
    });
  }
  return end;
}

/** Serves the file until it is disposed, and then removes it. */
async function frontOf(
  file: string,
  { cluster, fail }: FaultContext,
): Promise<AsyncDisposable & { readonly port: number }> {
  const port = await freePort();
  const where = ['--store', `embedded:${file}`, '--listen', `127.0.0.1:${port}`];
  const front = new Supervised({
    name: 'front of an earlier log',
    ready: '"serving"',
    command: () => [main, 'store', ...where, '--json'],
    cwd: cluster.folder,
    env: cluster.env,
    onUnexpectedEnd: ({ name, said }) => {
      fail(`${name} ended by itself: ${said.join(' ')}`);
    },
  });
  front.start();
  await until('the front of an earlier log', () => front.isReady);
  return {
    port,
    async [Symbol.asyncDispose]() {
      await front.stop();
      for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
    },
  };
}

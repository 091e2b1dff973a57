// A projector that stops for a while without being dead: a paused machine, a swapping host. Its standby
// takes over; when it wakes, what it still has in its socket must do no harm.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { temporaryReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { openKernel, type Kernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { openGate } from '../support/gate.ts';
import { rawStream } from '../support/jetstream.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { until } from '../support/until.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

const script = fileURLToPath(new URL('../support/projector-process.ts', import.meta.url));
const frozenMs = 15_000;
const StatusSchema = z.object({ role: z.enum(['active', 'standby']), sequence: z.int() });

/** A projector process, and the last thing that it said of itself. */
function projector(args: readonly string[]) {
  const options = ['--disable-warning=ExperimentalWarning', script, ...args];
  const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    said: () => said,
    status: () => {
      if (isOver()) throw new Error(`the projector ended: ${said}`);
      const line = said.split('\n').findLast((text) => text.startsWith('{"role"'));
      return line === undefined ? undefined : StatusSchema.parse(JSON.parse(line));
    },
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await until('its end', isOver);
    },
  };
}

/** Raises triggers of their own windows: two messages each. */
async function raise(kernel: Kernel, from: number, to: number): Promise<void> {
  const inputs = Array.from({ length: to - from + 1 }, (_, i) => ({
    userId: from + i,
    triggerType: 'important_urgent_task',
    source: 'worker_due_job' as const,
    targetType: 'task_pool' as const,
    targetId: 1,
    requestedAt: '2026-04-30T10:17:42+08:00',
  }));
  for await (const { outcome } of kernel.raiseAll(inputs)) expect(outcome).toBe('raised');
}

test('frozen for 15 s beside a standby that takes over, then woken: nothing twice, nothing lost', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-freeze-'));
  await using nats = await testNatsServer();
  await using gate = await openGate(nats.port);
  const file = join(folder, 'store.db');
  await using store = await embeddedStore({ file });
  await using kernel = await openKernel({ ...scheduleProduct, store });
  await using stream = await rawStream(nats.url);
  await raise(kernel, 1, 50);
  {
    // The list is opened by one who may write the log.
    using state = temporaryReadModel();
    const output = jetStreamOutput({ servers: nats.url });
    await (await openProjector({ store, state, output })).once();
  }
  const last = async (): Promise<number> => (await stream.last())?.sequence ?? 0;
  expect(await last()).toBe(100);

  await using sleeper = projector([file, join(folder, 'a.db'), gate.url]);
  await until('the first one', () => sleeper.status()?.sequence === 100);
  await using standby = projector([file, join(folder, 'b.db'), nats.url, 'standby']);
  await until('the standby', () => standby.status()?.sequence === 100);

  // The gate keeps most of a batch in the sleeper's socket: it comes when the sleeper is awake again.
  gate.set({ publishes: 1, acks: 1 });
  await raise(kernel, 51, 450);
  await until('messages in the socket', () => gate.isShut());
  sleeper.kill('SIGSTOP');
  const stoppedAt = performance.now();
  const atStop = await last();
  expect(atStop).toBeLessThan(900);

  await until('the standby to take over', async () => (await last()) === 900);
  expect(standby.status()?.role).toBe('active');
  await raise(kernel, 451, 500);
  await until('it to go on', async () => (await last()) === 1000);
  await until('its time to be over', () => performance.now() - stoppedAt >= frozenMs);

  gate.set({ publishes: Infinity, acks: Infinity });
  sleeper.kill('SIGCONT');
  await until('the sleeper to stand by', () => {
    const status = sleeper.status();
    return status?.role === 'standby' && status.sequence === 1000;
  });
  await raise(kernel, 501, 600);
  const reached = (sequence: number): boolean =>
    [sleeper, standby].every((one) => one.status()?.sequence === sequence);
  await until('both to follow', () => reached(1200));
  expect(sleeper.status()?.role).toBe('standby');

  const messages = await stream.all();
  expect(messages.map(({ ordinal }) => Number(ordinal))).toEqual(messages.map((_, i) => i + 1));
  expect(new Set(messages.map(({ id }) => id)).size).toBe(1200);
  await rm(folder, { recursive: true, force: true });
});

// Freezes a projector, as a paused or swapping machine does. Its standby takes over. When the frozen projector
// wakes up, the fence refuses the messages that are still in its socket.
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
import { LONG_PROOF_MS } from '../support/timeouts.ts';
import { until, untilStalled } from '../support/until.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';

const script = fileURLToPath(new URL('../support/projector-process.ts', import.meta.url));
const frozenMs = 15_000;
const StatusSchema = z.object({ role: z.enum(['active', 'standby']), sequence: z.int() });

/** A projector process, and the last status that it printed. */
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

/** Raises triggers of different users: two messages each. */
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

test(
  'stores each message once when a projector is frozen for 15 s and its standby takes over',
  { timeout: LONG_PROOF_MS },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tocsin-freeze-'));
    await using nats = await testNatsServer();
    await using gate = await openGate(nats.port);
    const file = join(folder, 'store.db');
    await using store = await embeddedStore({ file });
    await using kernel = await openKernel({ ...scheduleProduct, store });
    await using stream = await rawStream(nats.url);
    await raise(kernel, 1, 50);
    {
      // The standby only reads the log; this projector appends the output record.
      using state = temporaryReadModel();
      const output = jetStreamOutput({ servers: nats.url });
      await openProjector({ store, state, output }).once();
    }
    const last = async (): Promise<number> => (await stream.last())?.sequence ?? 0;
    expect(await last()).toBe(100);

    await using sleeper = projector([file, join(folder, 'a.db'), gate.url]);
    await until('the first projector', () => sleeper.status()?.sequence === 100);
    await using standby = projector([file, join(folder, 'b.db'), nats.url, 'standby']);
    await until('the standby', () => standby.status()?.sequence === 100);

    // The gate keeps most of a batch in the sleeper's socket until the sleeper is awake again.
    gate.set({ publishes: 1, acks: 1 });
    await raise(kernel, 51, 450);
    await until('messages in the socket', () => gate.isShut());
    sleeper.kill('SIGSTOP');
    const stoppedAt = performance.now();
    const atStop = await last();
    expect(atStop).toBeLessThan(900);

    await untilStalled('the standby to take over', last, async () => (await last()) === 900);
    // A projector prints its status after its messages are stored.
    await until('the new role of the standby', () => standby.status()?.role === 'active');
    await raise(kernel, 451, 500);
    await until('the next messages', async () => (await last()) === 1000);
    await until('the end of the freeze', () => performance.now() - stoppedAt >= frozenMs);

    gate.set({ publishes: Infinity, acks: Infinity });
    sleeper.kill('SIGCONT');
    await until('the sleeper to stand by', () => {
      const status = sleeper.status();
      return status?.role === 'standby' && status.sequence === 1000;
    });
    await raise(kernel, 501, 600);
    await until('both projectors to follow, and the sleeper to stand by', () => {
      const statuses = [sleeper.status(), standby.status()];
      const areThere = statuses.every((status) => status?.sequence === 1200);
      return areThere && sleeper.status()?.role === 'standby';
    });

    const messages = await stream.all();
    expect(messages.map(({ ordinal }) => Number(ordinal))).toEqual(messages.map((_, i) => i + 1));
    expect(new Set(messages.map(({ id }) => id)).size).toBe(1200);
    await rm(folder, { recursive: true, force: true });
  },
);

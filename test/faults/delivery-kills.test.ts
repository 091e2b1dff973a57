// Kills real workers after each append and suspends them beyond their lease, with a real front, broker and
// receiver: every delivery ends, perhaps after an unknown outcome, and no attempt is called twice.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test, type TestContext } from 'vitest';
import { createFront, type Front } from '../../src/adapters/eventstore/front/front.ts';
import { eventStoreDb } from '../../src/adapters/eventstore/esdb/store.ts';
import { jetStreamOutput } from '../../src/adapters/nats/output.ts';
import { temporaryReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { openProjector } from '../../src/kernel/open-projector.ts';
import { openReceiver } from '../harness/receiver.ts';
import { Supervised } from '../harness/supervised.ts';
import { deliveryFaults, deliveryRecords, type HeardCall } from '../oracle/delivery-oracle.ts';
import { decideLog } from '../oracle/log-oracle.ts';
import { testCli } from '../support/cli.ts';
import { compileCache } from '../support/compile-cache.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { until, untilStalled } from '../support/until.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import { LONG_PROOF_MS, STALL_MS } from '../support/timeouts.ts';

/** A lease of half a minute, and the time for a call on a busy machine. */
const LEASE_WAIT_MS = 120_000;

const workerFile = fileURLToPath(new URL('../harness/delivery-worker.ts', import.meta.url));

/** Each effect of the in-process enumeration; before one is after the one before it. */
const points = [
  ...[
    'append notification NotificationAccepted',
    'append notification AttemptStarted',
    'call',
    'append notification AttemptFailed',
    'append notification AttemptSucceeded',
  ].flatMap((effect) => [`${effect} sent`, `${effect} after`]),
  'acknowledge after',
  'commit after',
];

async function frontIn(
  folder: string,
  { onTestFinished }: TestContext,
): Promise<{ readonly front: Front; readonly file: string }> {
  const file = join(folder, 'store.db');
  const front = await createFront({ file });
  onTestFinished(() => front.close());
  return { front, file };
}

const triggerFor = (userId: string | number) =>
  ({
    userId,
    triggerType: 'important_urgent_task',
    source: 'api_trigger',
    targetType: 'task_pool',
    targetId: 1,
  }) as const;

const answeredCalls = (calls: readonly HeardCall[]): number =>
  calls.filter(({ answered }) => answered === 200).length;

/** The signal that ended a process, or its stderr. */
async function runToEnd(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  // A worker that never reaches its point runs on: the limit ends it with another signal.
  const options = { env, timeout: STALL_MS };
  execFile(process.execPath, [...args], options, (error, _stdout, stderr) => {
    resolve(error?.signal ?? `it did not die: ${stderr}`);
  });
  return promise;
}

test.concurrent(
  'deliveries end and each attempt calls once after workers are killed at every step',
  { timeout: LONG_PROOF_MS },
  async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-delivery-kills-'));
    context.onTestFinished(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const { front, file } = await frontIn(folder, context);
    await using nats = await testNatsServer();
    // The first attempt of each fails, so that each way through a record is gone.
    await using receiver = await openReceiver(({ attempt }) => (attempt === 1 ? 503 : 200));
    const env = { ...process.env, NODE_COMPILE_CACHE: compileCache };
    const workerArgs = [front.url, nats.url, receiver.origin, join(folder, 'worker')];

    await using store = eventStoreDb({ connectionString: front.url });
    await using kernel = await openKernel({ ...scheduleProduct, store });
    using state = temporaryReadModel();
    const output = jetStreamOutput({ servers: nats.url });
    const projector = openProjector({ store, state, output });
    for (const [n, point] of points.entries()) {
      await kernel.raise(triggerFor(n + 1));
      await projector.once();
      expect([point, await runToEnd([workerFile, ...workerArgs, point], env)]).toEqual([
        point,
        'SIGKILL',
      ]);
    }
    const last = new Supervised({
      name: 'worker',
      ready: 'ready',
      command: () => [workerFile, ...workerArgs],
      cwd: folder,
      env,
      onUnexpectedEnd: ({ said }) => {
        throw new Error(said.join('\n'));
      },
    });
    last.start();
    const { forPeople } = decideLog(file);
    expect(forPeople).toHaveLength(points.length);
    const answered = (): number => answeredCalls(receiver.calls);
    await untilStalled('a call for each user', answered, () => answered() >= points.length);
    const ended = (): number => [...deliveryRecords(file).values()].filter(({ end }) => end).length;
    await untilStalled('every delivery to end', ended, () => ended() >= points.length);
    expect(await last.stop()).toBe(0);
    const records = deliveryRecords(file);
    expect(deliveryFaults(forPeople, records, receiver.calls)).toEqual([]);
    expect([...records.values()].map(({ end }) => end)).toEqual(
      points.map(() => 'AttemptSucceeded'),
    );
  },
);

test.concurrent(
  'no attempt calls twice when a worker is killed during a call and another is frozen beyond its lease',
  { timeout: LONG_PROOF_MS },
  async (context) => {
    await using cli = testCli();
    const { front, file } = await frontIn(cli.folder, context);
    await using nats = await testNatsServer();
    const held = Promise.withResolvers<number>();
    const seen = new Set<string>();
    await using receiver = await openReceiver(({ userId }) => {
      // The first call of these two stays open until the end.
      const isFirst = userId !== 'u3' && !seen.has(userId);
      seen.add(userId);
      return isFirst ? held.promise : 200;
    });
    const env = {
      TOCSIN_STORE: front.url,
      TOCSIN_NATS: nats.url,
      TOCSIN_STAND_IN: receiver.origin,
    };
    for (const userId of ['u1', 'u2', 'u3']) {
      const url = `${receiver.origin}/flow/api/trigger-webhook/${userId}`;
      const put = await cli.call(['channel', 'put', '--user', userId], {
        env: { ...env, TOCSIN_CHANNEL_URL: url },
      });
      expect(put.code).toBe(0);
    }
    const start = (name: string) => {
      const files = ['--worker', `${name}/worker`, '--state', `${name}/state.db`];
      return cli.start(['start', '--mode', 'worker', ...files], { env });
    };
    const calledFor = (userId: string) => until(`a call for ${userId}`, () => seen.has(userId));
    await using store = eventStoreDb({ connectionString: front.url });
    await using kernel = await openKernel({ ...scheduleProduct, store });

    // Dead before the other is frozen, or it could die while it makes up for the frozen one's call.
    const killed = start('killed');
    await kernel.raise(triggerFor('u1'));
    await calledFor('u1');
    killed.kill('SIGKILL');
    await killed.ended();
    const frozen = start('frozen');
    await kernel.raise(triggerFor('u2'));
    await calledFor('u2');
    frozen.kill('SIGSTOP');
    const other = start('killed');
    await kernel.raise(triggerFor('u3'));
    const answered = (): number => answeredCalls(receiver.calls);
    // The other worker waits for the lease of the frozen worker.
    await untilStalled('a call for each user', answered, () => answered() === 3, LEASE_WAIT_MS);
    frozen.kill('SIGCONT');
    held.resolve(200);
    for (const worker of [frozen, other]) {
      worker.kill('SIGTERM');
      expect((await worker.ended()).code).toBe(0);
    }
    const records = deliveryRecords(file);
    expect([...records.values()].map(({ end }) => end)).toEqual(
      Array.from({ length: 3 }, () => 'AttemptSucceeded'),
    );
    // What a worker on a slow machine made up for before it was frozen has one attempt more.
    for (const { begun, said } of records.values()) {
      const given = begun.slice(0, -1).map((attempt) => said.get(attempt)?.[0]);
      expect(given).toEqual(given.map(() => 'AttemptOutcomeUnknown'));
    }
    const unknown = [...records.values()].filter(({ said }) =>
      said.get(1)?.includes('AttemptOutcomeUnknown'),
    );
    expect(unknown).toHaveLength(2);
    // These calls do not say of which attempt they are: each is the next attempt of its notification.
    const calls = receiver.calls.map((call, index) => {
      const earlier = receiver.calls.slice(0, index);
      const isSame = ({ notificationId }: HeardCall) => notificationId === call.notificationId;
      return { ...call, attempt: earlier.filter(isSame).length + 1 };
    });
    expect(deliveryFaults(decideLog(file).forPeople, records, calls)).toEqual([]);
  },
);

// The 32 combinations of restored parts on real processes: a nats-server with its own disk, and the daemon with projector and
// worker. test/delivery/restore-matrix.test.ts also proves the ways on.
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { embeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { openKernel } from '../../src/kernel/open-kernel.ts';
import { scheduleProduct } from '../../src/schedule/triggers.ts';
import {
  COMBINATIONS,
  copiesOf,
  expectedOf,
  nameOf,
  type Combination,
} from '../delivery/restore-matrix.support.ts';
import { testCli, type CliProcess } from '../support/cli.ts';
import { raiseLine } from '../support/lines.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { LONG_PROOF_MS } from '../support/timeouts.ts';
import { until } from '../support/until.ts';
import { anInput, raised } from '../support/world.ts';

/** A receiver in the place of Feishu, that counts the calls by the last part of the path. */
async function countingReceiver() {
  const calls = new Map<number, number>();
  const server = createServer((request, response) => {
    const user = Number(request.url?.split('/').at(-1)?.slice(-2));
    calls.set(user, (calls.get(user) ?? 0) + 1);
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ code: 0, msg: 'success' }));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { calls, origin: `http://127.0.0.1:${port}` };
}

/** A deployment of which `var` and the disk of the nats-server can be put back. */
async function deployment() {
  const cli = testCli();
  const nats = await testNatsServer();
  const receiver = await countingReceiver();
  onTestFinished(async () => {
    await cli[Symbol.asyncDispose]();
    await nats[Symbol.asyncDispose]();
  });
  const env = {
    TOCSIN_STORE: 'embedded:var/store.db',
    TOCSIN_NATS: nats.url,
    TOCSIN_STAND_IN: receiver.origin,
    TOCSIN_VAULT: 'var/vault.db',
    TOCSIN_VAULT_KEY: Buffer.alloc(32, 7).toString('base64'),
  };
  const disk = join(nats.folder, 'store');
  return {
    cli,
    nats,
    env,
    calls: receiver.calls,
    /** Runs the daemon until it is done, and stops it. */
    run: async (isDone: (daemon: CliProcess) => boolean) => {
      const daemon = cli.start(['start', '--mode', 'worker'], { env });
      await until('the daemon is done', () => daemon.isOver() || isDone(daemon));
      daemon.kill('SIGTERM');
      return daemon.ended();
    },
    /** Puts the parts that `copies` holds in place of those of the deployment. */
    put: async (live: string): Promise<void> => {
      await nats.stop();
      for (const [from, to] of [
        [join(live, 'nats'), disk],
        [join(live, 'var'), cli.path('var')],
      ] as const) {
        rmSync(to, { recursive: true, force: true });
        cpSync(from, to, { recursive: true });
      }
      await nats.restart();
    },
    keep: async (live: string): Promise<void> => {
      await nats.stop();
      rmSync(live, { recursive: true, force: true });
      cpSync(disk, join(live, 'nats'), { recursive: true });
      cpSync(cli.path('var'), join(live, 'var'), { recursive: true });
      await nats.restart();
    },
  };
}

type Deployment = Awaited<ReturnType<typeof deployment>>;

/** Old: 1 to 3 have got theirs. New: 2 has another address, 4 and 5 have got theirs, 6 is in the stream, 7 in the log. */
async function twoTimes({ cli, env, calls, run, keep }: Deployment) {
  const copies = copiesOf({
    log: 'var/store.db',
    state: 'var/state.db',
    stream: 'nats',
    worker: 'var/worker',
    vault: 'var/vault.db',
  });
  const put = async (user: number, path = user): Promise<void> => {
    const url = `${env.TOCSIN_STAND_IN}/flow/api/trigger-webhook/${String(path).padStart(32, '0')}`;
    writeFileSync(cli.path('address.txt'), url);
    const command = ['channel', 'put', '--user', String(user), '--file', 'address.txt'];
    expect(await cli.call(command, { env })).toMatchObject({ code: 0 });
  };
  const raise = async (users: readonly number[]): Promise<void> => {
    writeFileSync(cli.path('lines'), users.map((user) => `${raiseLine(user)}\n`).join(''));
    expect(await cli.call(['raise', '--file', 'lines'], { env })).toMatchObject({ code: 0 });
  };
  for (const user of [1, 2, 3, 8]) await put(user);
  await raise([1, 2, 3]);
  expect(await run(() => calls.size === 3)).toMatchObject({ code: 0 });
  await keep(copies.live);
  copies.keep('old');
  for (const [user, path] of [
    [2, 22],
    [4, 4],
    [5, 5],
    [6, 6],
    [7, 7],
  ] as const)
    await put(user, path);
  await raise([4, 5]);
  expect(await run(() => calls.size === 5)).toMatchObject({ code: 0 });
  await raise([6]);
  expect(await cli.call(['project', '--once'], { env })).toMatchObject({ code: 0 });
  await raise([7]);
  await keep(copies.live);
  copies.keep('new');
  return copies;
}

/** User 8 gets a notification after the restore. */
async function notifyLater({ cli }: Deployment): Promise<void> {
  await using store = await embeddedStore({ file: cli.path('var/store.db') });
  const kernel = await openKernel({ ...scheduleProduct, store });
  await raised(kernel, anInput(8, { userId: 8 }));
}

/** What is wrong with a combination; nothing where it does as it must. */
async function faultsOf(at: Deployment, combination: Combination): Promise<readonly string[]> {
  const { calls, run } = at;
  const expected = expectedOf(combination);
  const isNew = combination.log === 'new';
  calls.clear();
  await notifyLater(at);
  const isRefused = expected.projector !== 'goes_on' || expected.worker !== 'goes_on';
  // Secrets and keys of 6 and 7 are newer than the old vault.
  const wanted = isRefused ? [] : isNew && !expected.waits ? [6, 7, 8] : [8];
  const waiting = !isRefused && isNew && expected.waits ? 2 : 0;
  const waits = (said: string): number =>
    new Set([...said.matchAll(/"key":"([^"]+)".*secrets_missing/g)].map(([, key]) => key)).size;
  const { code, stdout, stderr } = await run((daemon) => {
    const said = daemon.stdout();
    if (isRefused) return said.includes('the projection stopped');
    return wanted.every((user) => calls.has(user)) && waits(said) === waiting;
  });
  const said = `${stdout}${stderr}`;
  const refusals = [expected.projector, expected.worker].filter((one) => one !== 'goes_on');
  const isNamed = refusals.length === 0 || refusals.some((one) => said.includes(one));
  const heard = JSON.stringify([...calls].toSorted(([a], [b]) => a - b));
  const due = JSON.stringify(wanted.map((user) => [user, 1]));
  return [
    ...(code === (isRefused ? 4 : 0) ? [] : [`exit ${String(code)}`]),
    ...(isNamed ? [] : [`does not say ${refusals.join(' or ')}`]),
    ...(heard === due ? [] : [`called ${heard}, not ${due}`]),
  ].map((fault) => `${nameOf(combination)}: ${fault}`);
}

test(
  'real daemons on parts that were restored from different times lose and double nothing, or refuse',
  { timeout: LONG_PROOF_MS },
  async () => {
    const at = await deployment();
    const copies = await twoTimes(at);
    onTestFinished(copies.remove);
    const faults: string[] = [];
    for (const combination of COMBINATIONS) {
      copies.put(combination);
      await at.put(copies.live);
      faults.push(...(await faultsOf(at, combination)));
    }
    expect(faults).toEqual([]);
  },
);

// `tocsin start` ends with all its processes, whatever its clients and its children do.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { testCli, type Cli, type CliProcess } from '../support/cli.ts';
import { freeze } from '../support/frozen.ts';
import { raiseLine } from '../support/lines.ts';
import { rawStream } from '../support/jetstream.ts';
import { testNatsServer } from '../support/nats-server.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';
import { until } from '../support/until.ts';

type Started = {
  readonly cli: Cli;
  readonly start: CliProcess;
  readonly store: URL;
  readonly nats: string;
};

/** A start that takes lines. */
async function started(): Promise<Started> {
  const cli = testCli();
  onTestFinished(() => cli[Symbol.asyncDispose]());
  const start = cli.start(['start', '--http', '127.0.0.1:0'], { open: true });
  await start.says(/Type or pipe/);
  const run = readFileSync(cli.path('var/run.json'), 'utf8');
  const [, store = ''] = /"store":"esdb:([^"]+)"/.exec(run) ?? [];
  const [, nats = ''] = /"nats":"([^"]+)"/.exec(run) ?? [];
  return { cli, start, store: new URL(`http:${store}`), nats };
}

/** A client of the store that says nothing and reads nothing. */
async function silentClient({ port }: URL): Promise<Socket> {
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  socket.pause();
  return socket;
}

/** The process of this start whose command line matches. */
function child({ cli }: Started, pattern: RegExp): number {
  const pid = cli.strays().find((each) => {
    return pattern.test(readFileSync(`/proc/${each}/cmdline`, 'utf8').replaceAll('\0', ' '));
  });
  if (pid === undefined) throw new Error(`no process has a command line like ${String(pattern)}`);
  return pid;
}

test(
  'a start with a NATS server of the user raises the examples only with --examples',
  { timeout: SLOW_TEST_MS },
  async () => {
    await using cli = testCli();
    await using nats = await testNatsServer();
    const env = { TOCSIN_NATS: nats.url };
    const plain = await cli.json(['start', '--once'], { env });
    expect(plain).toMatchObject({ code: 0, document: { read: 0, raised: 0, published: 0 } });
    const asked = await cli.json(['start', '--once', '--examples'], { env });
    expect(asked).toMatchObject({ code: 0, document: { read: 40 } });
  },
);

const isLinux = existsSync('/proc/self/cmdline');

test.skipIf(!isLinux)(
  'a second signal leaves no process behind, although the store does not answer',
  { timeout: SLOW_TEST_MS },
  async () => {
    const world = await started();
    const { cli, start } = world;
    await silentClient(world.store);
    // Without this the stop is over before a second signal can come.
    freeze(child(world, / store --store /));
    start.kill('SIGINT');
    await start.says(/a second signal ends the process at once/);
    start.kill('SIGINT');
    await start.ended();
    await until('the children to end', () => cli.strays().length === 0);
  },
);

test.skipIf(!isLinux)(
  'a store process that does not answer is killed when start stops',
  { timeout: SLOW_TEST_MS },
  async () => {
    const world = await started();
    freeze(child(world, / store --store /));
    world.start.kill('SIGTERM');
    expect(await world.start.ended()).toMatchObject({ code: 0 });
    expect(world.cli.strays()).toEqual([]);
  },
);

test.skipIf(!isLinux)(
  'a nats-server that was killed is started again at the same address, and all messages arrive',
  { timeout: SLOW_TEST_MS },
  async () => {
    const world = await started();
    const { cli, start, nats } = world;
    process.kill(child(world, /nats-server/), 'SIGKILL');
    await start.says(/a server ended; starting it again/);
    start.write(`${raiseLine('eve')}\n`);
    await start.says(/published {3}user eve/);
    {
      await using stream = await rawStream(nats);
      const messages = await stream.all();
      expect(messages.map(({ ordinal }) => Number(ordinal))).toEqual(messages.map((_, i) => i + 1));
      expect(messages.filter(({ subject }) => subject.endsWith('.eve'))).toHaveLength(2);
    }
    start.kill('SIGTERM');
    expect(await start.ended()).toMatchObject({ code: 0 });
    expect(cli.strays()).toEqual([]);
  },
);

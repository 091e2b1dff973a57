// SIGTERM at any moment of a start, a catch-up, a standby or an outage: each daemon ends with 0 within its limit and
// closes its files.
import { copyFileSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testCli, type Cli } from '../support/cli.ts';
import { manyLines } from '../support/lines.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';
import { seededRandom } from '../support/random.ts';
import { LONG_PROOF_MS } from '../support/timeouts.ts';

const SEED = 20_261_130;
/** For each of the ten daemons below. */
const MOMENTS = 10;
/** The latest moment after a process takes signals, in milliseconds. */
const LATEST_MS = 2_000;
/** A stop may take ten seconds; the rest is for busy cores. */
const STOP_WITHIN_MS = 15_000;
const LINES = 2_000;

/** A process says when it takes SIGTERM: before that it is Node that loads, and the signal ends it. */
const WHEN_IT_LISTENS = `process.on('newListener', (name) => {
  if (name === 'SIGTERM') process.stderr.write('takes SIGTERM\\n');
});`;
const NODE_OPTIONS = [
  '--disable-warning=ExperimentalWarning',
  `--import=data:text/javascript,${encodeURIComponent(WHEN_IT_LISTENS)}`,
].join(' ');

let base: Cli;
let nats: TestNatsServer;
let frozenNats: TestNatsServer;
let served: string;
const silent = createServer((socket) => {
  sockets.add(socket);
});
const sockets = new Set<Socket>();

beforeAll(async () => {
  base = testCli();
  [nats, frozenNats] = await Promise.all([testNatsServer(), testNatsServer()]);
  frozenNats.freeze();
  await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
  const raise = ['raise', '--store', 'embedded:log.db', '--file', '-'];
  expect(await base.run(raise, { input: manyLines(1, LINES) })).toMatchObject({ code: 0 });
  copyFileSync(base.path('log.db'), base.path('served.db'));
  const store = base.start(['store', '--store', 'embedded:served.db', '--listen', '127.0.0.1:0']);
  served = (await store.says(/esdb:\S+/))[0].replace(/;$/, '');
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  await base[Symbol.asyncDispose]();
  frozenNats.thaw();
  await Promise.all([nats[Symbol.asyncDispose](), frozenNats[Symbol.asyncDispose]()]);
});

const silentStore = (): string => {
  return `esdb://127.0.0.1:${(silent.address() as AddressInfo).port}?tls=false`;
};
const AWAY = { store: 'esdb://127.0.0.1:1?tls=false', nats: 'nats://127.0.0.1:1' };

/** The arguments of a daemon; `own` is a name that no other one has. */
type Daemon = (own: string) => readonly string[];

const project =
  (servers: () => { readonly store?: string; readonly nats?: string }, ...more: string[]): Daemon =>
  (own) => {
    const { store = 'embedded:log.db', nats: at = nats.url } = servers();
    const output = ['--stream', own, '--subject-root', `${own}.`];
    return ['project', '--store', store, '--nats', at, ...output, '--from-start', ...more];
  };

const DAEMONS: readonly (readonly [what: string, daemon: Daemon])[] = [
  ['tocsin store', () => ['store', '--store', 'embedded:log.db', '--listen', '127.0.0.1:0']],
  ['tocsin start', () => ['start']],
  ['start --mode api', () => ['start', '--mode', 'api', '--store', served]],
  [
    'start --mode worker',
    () => ['start', '--mode', 'worker', '--store', served, '--nats', nats.url],
  ],
  ['a projector that catches up', project(() => ({}))],
  ['a standby', project(() => ({}), '--standby')],
  ['a projector without its store', project(() => ({ store: AWAY.store }))],
  ['a projector whose store says nothing', project(() => ({ store: silentStore() }))],
  ['a projector without NATS', project(() => ({ nats: AWAY.nats }))],
  ['a projector with a frozen NATS server', project(() => ({ nats: frozenNats.url }))],
];

describe('SIGTERM at any moment', () => {
  test.each(DAEMONS)(
    'ends %s with 0 within its limit, and its files are closed',
    { timeout: LONG_PROOF_MS },
    async (what, daemon) => {
      const random = seededRandom(SEED + DAEMONS.findIndex(([name]) => name === what));
      for (let round = 0; round < MOMENTS; round += 1) {
        await using cli = testCli();
        copyFileSync(base.path('log.db'), cli.path('log.db'));
        mkdirSync(cli.path('var'));
        const own = `s${process.pid}-${DAEMONS.findIndex(([name]) => name === what)}-${round}`;
        const running = cli.start(daemon(own), { open: true, env: { NODE_OPTIONS } });
        await running.says(/takes SIGTERM/);
        const momentMs = random() * LATEST_MS;
        await sleep(momentMs);
        running.kill('SIGTERM');
        const { code, signal } = await running.ended(STOP_WITHIN_MS);
        const left = { strays: cli.strays(), open: openFiles(cli.folder) };
        expect({ momentMs, code, signal, ...left, said: running.stderr() }).toMatchObject({
          code: 0,
          signal: null,
          strays: [],
          open: [],
          said: expect.not.stringContaining('too long') as unknown,
        });
      }
    },
  );
});

/** Databases that were not closed: SQLite removes their journal at the close. */
function openFiles(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => {
    return name.endsWith('-wal') && statSync(join(folder, name)).size > 0;
  });
}

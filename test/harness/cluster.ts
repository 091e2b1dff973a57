// Everything that runs under torture: a front, a NATS server, two projectors with a state file each,
// raisers, and delivery workers with a receiver; each link has a proxy of its own.
import { mkdtempSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServerVersion } from '../../src/adapters/eventstore/front/server-version.ts';
import { compileCache } from '../support/compile-cache.ts';
import { freePort } from '../support/free-port.ts';
import { testNatsServer, type TestNatsServer } from '../support/nats-server.ts';
import type { Load } from './load.ts';
import { natsTraffic, type Traffic } from './nats-traffic.ts';
import { noProxy, openProxy, type Proxy } from './proxy.ts';
import { openReceiver, type Answers, type Receiver } from './receiver.ts';
import { Supervised, type UnexpectedEnd } from './supervised.ts';

const RAISERS = 2;

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const main = file('../../src/cli/main.ts');
const raiserFile = file('raiser.ts');
const workerFile = file('delivery-worker.ts');

/** A projector, its links, and what is on its way over them. */
export type ProjectorSeat = {
  readonly process: Supervised;
  readonly state: string;
  readonly toStore: Proxy;
  readonly toNats: Proxy;
  readonly traffic: Traffic;
  /** The address of its health and metrics. */
  readonly status: string;
  /** Starts it without that address, which only one process can have. */
  readonly bare: () => readonly string[];
};

export type RaiserSeat = { readonly process: Supervised; readonly toStore: Proxy };

export type WorkerSeat = RaiserSeat & {
  readonly toNats: Proxy;
  /** Of its indexes. */
  readonly folder: string;
};

export type Cluster = AsyncDisposable & {
  readonly folder: string;
  readonly storeFile: string;
  readonly env: NodeJS.ProcessEnv;
  readonly front: Supervised;
  readonly frontUrl: string;
  readonly nats: TestNatsServer;
  readonly projectors: readonly ProjectorSeat[];
  readonly raisers: readonly RaiserSeat[];
  readonly workers: readonly WorkerSeat[];
  readonly receiver: Receiver;
  readonly proxies: readonly Proxy[];
};

export type ClusterOptions = {
  readonly load: Load;
  readonly workers: number;
  /** The version of EventStoreDB that the front imitates. Default: none. */
  readonly like?: ServerVersion | undefined;
  /** What the receiver of deliveries answers. */
  readonly answers: Answers;
  readonly onUnexpectedEnd: (end: UnexpectedEnd) => void;
  /** Whether a projector that starts now starts as a standby. */
  readonly startsAsStandby: () => boolean;
  /** No proxies: for a cluster whose links nobody disturbs, and whose speed is measured. */
  readonly direct?: boolean;
};

/** Starts everything. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { load, like, onUnexpectedEnd, startsAsStandby } = options;
  const { direct = false } = options;
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tocsin-torture-')));
  const nats = await testNatsServer();
  const port = await freePort();
  const storeFile = join(folder, 'store.db');
  const env = environment();
  const common = { cwd: folder, env, onUnexpectedEnd };
  const proxies: Proxy[] = [];
  const proxy = async (...args: Parameters<typeof openProxy>): Promise<Proxy> => {
    if (direct) return noProxy(args[0]);
    const opened = await openProxy(...args);
    proxies.push(opened);
    return opened;
  };
  const esdb = (at: number): string => `esdb://127.0.0.1:${at}?tls=false`;

  const listen = [
    ...['--listen', `127.0.0.1:${port}`],
    ...(like === undefined ? [] : ['--like', like]),
  ];
  const front = new Supervised({
    ...common,
    name: 'front',
    ready: '"serving"',
    command: () => [main, 'store', '--store', `embedded:${storeFile}`, ...listen, '--json'],
  });

  const seats = ['projector A', 'projector B'].map(async (name, index): Promise<ProjectorSeat> => {
    const traffic = natsTraffic();
    const toStore = await proxy(port);
    const toNats = await proxy(nats.port, traffic.observe);
    const state = join(folder, `state-${index}.db`);
    const address = `127.0.0.1:${await freePort()}`;
    const bare = (): readonly string[] => {
      const where = ['--store', esdb(toStore.port), '--state', state];
      const out = ['--nats', `nats://127.0.0.1:${toNats.port}`];
      return [main, 'project', ...where, ...out, ...(startsAsStandby() ? ['--standby'] : [])];
    };
    const command = (): readonly string[] => [...bare(), '--http', address];
    const process = new Supervised({ ...common, name, ready: 'projector started', command });
    return { process, state, toStore, toNats, traffic, bare, status: `http://${address}` };
  });
  const projectors = await Promise.all(seats);

  const raisers: RaiserSeat[] = [];
  for (let index = 0; index < RAISERS; index += 1) {
    const toStore = await proxy(port);
    load.add(({ heard, started }) => {
      const process = new Supervised({
        ...common,
        name: `raiser ${index + 1}`,
        ready: 'ready',
        command: () => [raiserFile, esdb(toStore.port)],
        onLine: heard,
        onStart: started,
      });
      raisers.push({ process, toStore });
      return process;
    });
  }

  const receiver = await openReceiver(options.answers);
  const workers = await Promise.all(
    Array.from({ length: options.workers }, async (_, index): Promise<WorkerSeat> => {
      const toStore = await proxy(port);
      const toNats = await proxy(nats.port);
      const urls = [esdb(toStore.port), `nats://127.0.0.1:${toNats.port}`, receiver.origin];
      const own = join(folder, `worker-${index}`);
      const process = new Supervised({
        ...common,
        name: `worker ${index + 1}`,
        ready: 'ready',
        command: () => [workerFile, ...urls, own],
      });
      return { process, toStore, toNats, folder: own };
    }),
  );

  const all = [front, ...[...projectors, ...raisers, ...workers].map(({ process }) => process)];
  for (const process of all) process.start();
  return {
    folder,
    storeFile,
    env,
    front,
    frontUrl: esdb(port),
    nats,
    projectors,
    raisers,
    workers,
    receiver,
    proxies,
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((process) => process.stop(1_000)));
      await receiver[Symbol.asyncDispose]();
      for (const opened of proxies) await opened[Symbol.asyncDispose]();
      await nats[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function environment(): NodeJS.ProcessEnv {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TOCSIN_NATS_SERVER'];
  return {
    ...Object.fromEntries(kept.map((name) => [name, process.env[name]])),
    NODE_OPTIONS: '--disable-warning=ExperimentalWarning',
    NODE_COMPILE_CACHE: compileCache,
  };
}

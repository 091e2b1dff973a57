// A nats-server for a test, with its own folder and port; it stops with the test. It can be killed, frozen, and started
// again with the same store and port.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNatsServer, type NatsServer } from '../../src/adapters/nats/server.ts';
import { freeze } from './frozen.ts';

export type TestNatsServer = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly folder: string;
  /** SIGKILL: whatever was not written to its files is lost. Resolves when it is gone. */
  readonly crash: () => Promise<void>;
  /** Orderly end. */
  readonly stop: () => Promise<void>;
  /** Starts it again: same store, same port. */
  readonly restart: () => Promise<void>;
  /** SIGSTOP: connections stay open, nothing answers any more once it returns. */
  readonly freeze: () => void;
  /** SIGCONT */
  readonly thaw: () => void;
};

export type TestNatsOptions = {
  readonly jetStream?: boolean;
  /** Text of a configuration file, such as `authorization {...}`. */
  readonly config?: string;
};

/** Starts one; dispose of it in the test's end, also when the test failed. */
export async function testNatsServer(options: TestNatsOptions = {}): Promise<TestNatsServer> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-nats-'));
  const configFile = join(folder, 'nats.conf');
  if (options.config !== undefined) await writeFile(configFile, options.config);
  const start = (port?: number): Promise<NatsServer> =>
    startNatsServer({
      storeDir: join(folder, 'store'),
      port,
      jetStream: options.jetStream,
      configFile: options.config === undefined ? undefined : configFile,
    });
  let server = await start();
  const { url, port } = server;
  return {
    url,
    port,
    get pid() {
      return server.pid;
    },
    folder,
    crash: async () => {
      server.kill('SIGKILL');
      await server.exited;
    },
    stop: () => server.stop(),
    restart: async () => {
      await server.stop();
      server = await start(port);
    },
    freeze: () => {
      freeze(server.pid);
    },
    thaw: () => {
      server.kill('SIGCONT');
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

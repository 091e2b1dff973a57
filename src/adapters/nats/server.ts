// Runs a nats-server as a child process, for `start`, examples and tests: JetStream, loopback only. It
// stops with its parent, except after a SIGKILL of the parent: the next start finds it through the pid file.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { TocsinError } from '../../domain/core/errors.ts';
import { tryParseJson } from '../../domain/core/json.ts';
import { endProcess, findLeftover, findNatsServer } from './server-files.ts';
import { signalProcess, writePidFile } from './server-files.ts';

export { findLeftover, findNatsServer, stopLeftover } from './server-files.ts';

export type NatsServerOptions = {
  /** The directory of JetStream's files; created if missing. Two servers must never share one. */
  readonly storeDir: string;
  /** Default: `findNatsServer()`. */
  readonly binary?: string | undefined;
  /** Default: a free port. */
  readonly port?: number | undefined;
  /** Written when the server accepts connections, removed when it has stopped. */
  readonly pidFile?: string | undefined;
  /** Default `nats-server.log` in the store's folder; appended to. */
  readonly logFile?: string | undefined;
  /** The only user that it accepts; without it, whoever reaches the port. Kept in a file for its owner only. */
  readonly user?: { readonly name: string; readonly password: string } | undefined;
  /** A configuration file of nats-server for other settings, such as users. */
  readonly configFile?: string | undefined;
  /** Default true; only tests need a server without JetStream. */
  readonly jetStream?: boolean | undefined;
  /** Milliseconds until the server must accept connections; a big store takes long. Default 60,000. */
  readonly startTimeoutMs?: number | undefined;
  /** Gives up the start: the process is killed, and the call throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
};

/** A running nats-server; disposing it stops it. */
export type NatsServer = AsyncDisposable & {
  /** With user and password, if it has a user. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves, never rejects, when the process has ended, for whatever reason. */
  readonly exited: Promise<void>;
  /** Sends SIGTERM, waits until the process has ended, and kills it after 10 s. */
  readonly stop: () => Promise<void>;
  readonly kill: (signal: NodeJS.Signals) => void;
};

const startTimeoutMs = 60_000;
/** After the server was killed, an outgoing connection may use its port for a moment. */
const portTimeoutMs = 3_000;
const pollMs = 20;
const lastLogCharacters = 600;

const portsSchema = z.object({ nats: z.array(z.string()).min(1) });

const children = new Set<ChildProcess>();
let endsThemAtExit = false;

/**
 * Starts a nats-server and waits until it accepts connections.
 *
 * @throws TocsinError: `usage` when there is no nats-server or the port is taken, `refused` when the
 *   pid file names a server that still runs on this store, `unavailable` when it does not start
 */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const storeDir = resolve(options.storeDir);
  const binary = options.binary ?? findNatsServer();
  await mkdir(storeDir, { recursive: true, mode: 0o700 });
  if (options.pidFile !== undefined) await refuseSecond(options.pidFile);
  const logFile = options.logFile ?? join(storeDir, 'nats-server.log');
  const deadline = Date.now() + (options.startTimeoutMs ?? startTimeoutMs);
  const portDeadline = Date.now() + portTimeoutMs;
  for (;;) {
    const logStart = await sizeOf(logFile);
    await removePortsFiles(storeDir);
    const configFile = await configFileOf(options, storeDir);
    const child = launch(binary, argumentsOf({ ...options, configFile }, storeDir), logFile);
    const port = await ready(child, storeDir, deadline, options.signal);
    if (port !== undefined) return await serverOf(child, port, storeDir, options);
    options.signal?.throwIfAborted();
    const log = (await readFile(logFile)).subarray(logStart).toString('utf8');
    const taken = log.includes('address already in use');
    if (!taken || Date.now() > portDeadline) throw startFailure(binary, log, taken, options.port);
    await sleep(pollMs * 5);
  }
}

async function configFileOf(
  { user, configFile }: NatsServerOptions,
  storeDir: string,
): Promise<string | undefined> {
  if (user === undefined) return configFile;
  const file = join(storeDir, 'users.conf');
  const users = [{ user: user.name, password: user.password }];
  const includes =
    configFile === undefined ? '' : `include ${JSON.stringify(resolve(configFile))}\n`;
  await rm(file, { force: true });
  await writeFile(file, `${includes}authorization ${JSON.stringify({ users })}\n`, { mode: 0o600 });
  return file;
}

function argumentsOf(options: NatsServerOptions, storeDir: string): readonly string[] {
  return [
    ...(options.configFile === undefined ? [] : ['-c', options.configFile]),
    ...(options.jetStream === false ? [] : ['-js']),
    ...['-sd', storeDir, '-a', '127.0.0.1'],
    // -1: the server binds a free port itself and writes its number to a ports file.
    ...['-p', String(options.port ?? -1), '--ports_file_dir', storeDir],
  ];
}

function launch(binary: string, args: readonly string[], logFile: string): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  // The child inherits it; by itself nats-server makes files that everybody may write.
  const umask = process.umask(0o077);
  try {
    // A process group of its own: Ctrl-C must not stop the server before its parent has finished publishing.
    const child = spawn(binary, args, { stdio: ['ignore', log, log], detached: true });
    child.unref();
    // A process without a pid has not started; for others the log and the exit code give the reason.
    child.once('error', () => children.delete(child));
    children.add(child);
    endChildrenAtExit();
    return child;
  } finally {
    process.umask(umask);
    closeSync(log);
  }
}

/** The port that it listens on, or `undefined` when it ended or took too long. */
async function ready(
  child: ChildProcess,
  storeDir: string,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  // The server writes the ports file when its listener is open; the file name holds the pid.
  while (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const port = await portOf(storeDir, child.pid);
    if (port !== undefined) return port;
    if (Date.now() > deadline || signal?.aborted === true) {
      child.kill('SIGKILL');
      break;
    }
    await sleep(pollMs);
  }
  children.delete(child);
  return undefined;
}

async function portOf(storeDir: string, pid: number): Promise<number | undefined> {
  const name = (await readdir(storeDir)).find((file) => file.endsWith(`_${pid}.ports`));
  if (name === undefined) return undefined;
  const ports = tryParseJson(await readFile(join(storeDir, name), 'utf8'));
  const { data } = portsSchema.safeParse(ports);
  const port = Number(URL.parse(data?.nats[0] ?? '')?.port);
  return Number.isInteger(port) && port > 0 ? port : undefined;
}

async function serverOf(
  child: ChildProcess,
  port: number,
  storeDir: string,
  { pidFile, user }: NatsServerOptions,
): Promise<NatsServer> {
  const pid = child.pid ?? 0;
  const exited = new Promise<void>((done) => {
    const ended = (): void => {
      children.delete(child);
      done();
    };
    if (child.exitCode !== null || child.signalCode !== null) ended();
    else child.once('exit', ended);
  });
  if (pidFile !== undefined) {
    await writePidFile(pidFile, { pid, port, storeDir, startedAt: new Date().toISOString() });
  }
  const stop = async (): Promise<void> => {
    // The child keeps this process alive until it has ended.
    child.ref();
    if (children.has(child)) await endProcess(pid, exited);
    if (pidFile !== undefined) await rm(pidFile, { force: true });
  };
  return {
    url: `nats://${user === undefined ? '' : `${user.name}:${user.password}@`}127.0.0.1:${port}`,
    port,
    pid,
    exited,
    stop,
    kill: (signal) => {
      signalProcess(pid, signal);
    },
    [Symbol.asyncDispose]: stop,
  };
}

function endChildrenAtExit(): void {
  if (endsThemAtExit) return;
  endsThemAtExit = true;
  process.once('exit', () => {
    for (const child of children) {
      // A stopped process (SIGSTOP) would not see SIGTERM.
      child.kill('SIGCONT');
      child.kill('SIGTERM');
    }
  });
}

async function refuseSecond(pidFile: string): Promise<void> {
  const running = await findLeftover(pidFile);
  if (running === undefined) return;
  const message = `A nats-server (pid ${running.pid}) already runs on ${running.storeDir}.`;
  throw new TocsinError('refused', 'nats_server_running', message, {
    hint: `Use nats://127.0.0.1:${running.port}, or stop that process first.`,
  });
}

/** Removes ports files of killed servers: a later process may have the same pid. */
async function removePortsFiles(storeDir: string): Promise<void> {
  for (const file of await readdir(storeDir)) {
    if (file.endsWith('.ports')) await rm(join(storeDir, file), { force: true });
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch {
    // Not there yet.
    return 0;
  }
}

function startFailure(binary: string, log: string, taken: boolean, port = 0): TocsinError {
  if (taken) {
    return new TocsinError('usage', 'nats_port_taken', `Port ${port} is taken.`, {
      hint: 'Give another port for NATS, or none to get a free one.',
    });
  }
  const message = `${binary} did not start: ${log.slice(-lastLogCharacters).trim()}`;
  return new TocsinError('unavailable', 'nats_server_start', message, {
    hint: 'Read its log; a common reason is a store directory that is damaged or belongs to another program.',
  });
}

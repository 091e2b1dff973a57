// Runs the event store of `start` in a process of its own, so that commands in other terminals share it. It takes calls
// with a token that only this user can read: other accounts of the machine reach its port too.
import { randomBytes } from 'node:crypto';
import { fork, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { TocsinError } from '../../domain/core/errors.ts';
import { tryParseJson } from '../../domain/core/json.ts';
import { unlessAborted } from '../../domain/core/signals.ts';
import { silentLogger, type Logger } from '../../domain/ports/logger.ts';
import { STORE_TOKEN_VARIABLE } from '../config/settings.ts';
import { keepRunning, type Child, type Kept } from './keep-running.ts';

const ServingSchema = z.object({ event: z.literal('serving'), url: z.string() });
const FailureSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string() }),
});

/** The store process of a killed `start` ends by itself within this time. */
const LEFTOVER_MS = 5_000;
const RETRY_MS = 200;
/** The store closes its connections after two seconds; a process that is not gone by then is killed. */
const STOP_MS = 4_000;

export type StoreProcessOptions = {
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
  /** False: any account of the machine may call, such as a client that sends no token without TLS. Default true. */
  readonly withToken?: boolean;
};

/** Starts `tocsin store` on a file. The process ends with this one, also after a kill. */
export async function startStoreProcess(
  store: string,
  options: StoreProcessOptions = {},
): Promise<Kept> {
  const { signal = new AbortController().signal, logger = silentLogger } = options;
  const deadline = performance.now() + LEFTOVER_MS;
  const token = options.withToken === false ? undefined : randomBytes(32).toString('base64url');
  const settings = { store, token };
  const first = await launchUntil({ ...settings, listen: '127.0.0.1:0' }, deadline, signal);
  const listen = new URL(first.url).host;
  const launchAgain = (stopped: AbortSignal): Promise<Child> =>
    launch({ ...settings, listen }, stopped);
  return keepRunning(first, { name: 'store', launch: launchAgain, logger });
}

type Settings = {
  readonly store: string;
  readonly listen: string;
  readonly token: string | undefined;
};

async function launchUntil(
  settings: Settings,
  deadline: number,
  signal: AbortSignal,
): Promise<Child> {
  for (;;) {
    try {
      return await launch(settings, signal);
    } catch (error) {
      const isLeftover = error instanceof TocsinError && error.code === 'store_in_use';
      if (!isLeftover || performance.now() > deadline) throw error;
      await sleep(RETRY_MS, undefined, { signal });
    }
  }
}

async function launch({ store, listen, token }: Settings, signal: AbortSignal): Promise<Child> {
  signal.throwIfAborted();
  const main = new URL(
    import.meta.url.endsWith('.ts') ? '../main.ts' : './main.js',
    import.meta.url,
  );
  const args = ['store', '--store', store, '--listen', listen, '--log-level', 'warn', '--json'];
  const child = fork(fileURLToPath(main), args, {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    // Not an argument: others can read command lines.
    env: { ...process.env, ...(token === undefined ? {} : { [STORE_TOKEN_VARIABLE]: token }) },
    // A process group of its own: Ctrl-C must not reach the store before its clients have stopped.
    detached: true,
  });
  child.channel?.unref();
  child.unref();
  const exited = endOf(child);
  const stop = async (): Promise<void> => {
    child.ref();
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(killer);
  };
  const said = await unlessAborted(
    Promise.race([firstLine(child), exited]),
    signal,
    () => undefined,
  );
  const document = said === undefined ? undefined : tryParseJson(said);
  const serving = ServingSchema.safeParse(document);
  if (serving.success && !signal.aborted) {
    const { url } = serving.data;
    const withToken = token === undefined ? url : url.replace('://', `://tocsin:${token}@`);
    return { url: withToken, exited, stop };
  }
  await stop();
  signal.throwIfAborted();
  throw startFailure(document);
}

/** Resolves when the process has ended. It is killed at the end of this process, also at a second signal. */
function endOf(child: ChildProcess): Promise<undefined> {
  const kill = (): void => {
    // Every answered append is on disk.
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  return new Promise((resolve) => {
    const end = (): void => {
      process.off('exit', kill);
      resolve(undefined);
    };
    child.once('exit', end).once('error', end);
  });
}

function startFailure(said: unknown): TocsinError {
  const failed = FailureSchema.safeParse(said);
  const { code, message, hint } = failed.success
    ? failed.data.error
    : {
        code: 'store_not_started',
        message: 'the store did not start',
        hint: 'See the log lines above.',
      };
  const kind = code === 'store_in_use' ? 'refused' : 'unavailable';
  return new TocsinError(kind, code, message, { hint });
}

async function firstLine(child: ChildProcess): Promise<string | undefined> {
  if (child.stdout === null) return undefined;
  for await (const line of createInterface({ input: child.stdout })) return line;
  return undefined;
}

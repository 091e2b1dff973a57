// Runs the event store of `start` in a process of its own, so that commands in other terminals share it.
import { fork, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { TocsinError } from '../../domain/core/errors.ts';
import { tryParseJson } from '../../domain/core/json.ts';

const ServingSchema = z.object({ event: z.literal('serving'), url: z.string() });
const FailureSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string() }),
});

/** The store process of a killed `start` ends by itself within this time. */
const LEFTOVER_MS = 3_000;
const RESTART_MS = 200;

export type StoreProcess = AsyncDisposable & { readonly url: string };

/** Starts `tocsin store` on a file, and restarts it when it dies. It ends with this process, also after a kill. */
export async function startStoreProcess(store: string): Promise<StoreProcess> {
  const deadline = performance.now() + LEFTOVER_MS;
  let running = await launchUntil(store, '127.0.0.1:0', deadline);
  const state = { stopping: false };
  // A function, because the flag changes during an await.
  const isStopping = (): boolean => state.stopping;
  const { url } = running;
  const listen = new URL(url).host;

  const watch = (child: ChildProcess): void => {
    child.once('exit', () => {
      if (!isStopping()) void restart();
    });
  };
  const restart = async (): Promise<void> => {
    while (!isStopping()) {
      await sleep(RESTART_MS);
      try {
        const next = await launch(store, listen);
        if (isStopping()) next.child.kill('SIGTERM');
        else {
          running = next;
          watch(next.child);
        }
        return;
      } catch {
        // The clients of the store see an outage and retry; this loop retries too.
      }
    }
  };
  watch(running.child);

  return {
    url,
    async [Symbol.asyncDispose]() {
      state.stopping = true;
      const { child } = running;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.ref();
      child.kill('SIGTERM');
      await ended;
    },
  };
}

type Running = { readonly child: ChildProcess; readonly url: string };

async function launchUntil(store: string, listen: string, deadline: number): Promise<Running> {
  for (;;) {
    try {
      return await launch(store, listen);
    } catch (error) {
      const isLeftover = error instanceof TocsinError && error.code === 'store_in_use';
      if (!isLeftover || performance.now() > deadline) throw error;
      await sleep(RESTART_MS);
    }
  }
}

async function launch(store: string, listen: string): Promise<Running> {
  const main = new URL(
    import.meta.url.endsWith('.ts') ? '../main.ts' : './main.js',
    import.meta.url,
  );
  const args = ['store', '--store', store, '--listen', listen, '--log-level', 'warn', '--json'];
  const child = fork(fileURLToPath(main), args, {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    // A process group of its own: Ctrl-C must not reach the store before its clients have stopped.
    detached: true,
  });
  child.channel?.unref();
  child.unref();
  const exited = new Promise<undefined>((resolve) => {
    const end = (): void => {
      resolve(undefined);
    };
    child.once('exit', end).once('error', end);
  });
  const first = await Promise.race([firstLine(child), exited]);
  const said = first === undefined ? undefined : tryParseJson(first);
  const serving = ServingSchema.safeParse(said);
  if (serving.success) return { child, url: serving.data.url };
  child.kill('SIGTERM');
  const failed = FailureSchema.safeParse(said);
  const { code, message, hint } = failed.success
    ? failed.data.error
    : {
        code: 'store_not_started',
        message: 'the store did not start',
        hint: 'See the log lines above.',
      };
  const kind = code === 'store_in_use' ? 'refused' : 'unavailable';
  throw new TocsinError(kind, code, message, { hint });
}

async function firstLine(child: ChildProcess): Promise<string | undefined> {
  if (child.stdout === null) return undefined;
  for await (const line of createInterface({ input: child.stdout })) return line;
  return undefined;
}

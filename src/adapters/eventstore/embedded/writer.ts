// The host's side of the writing thread: gathers appends, pairs answers, and starts the thread again
// when it dies. An append whose thread died has an unknown outcome, and says so.
import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import { backoffMs, type Backoff } from '../../../domain/core/backoff.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { AppendRequest } from '../common/append-request.ts';
import type { FromWriter, Numbered, ToWriter, WriterSettings } from './protocol.ts';

export type Writer = {
  /** Resolves with the outcome; `unknown` after `deadlineMs`. Never rejects. */
  readonly append: (request: AppendRequest, deadlineMs: number) => Promise<AppendResult>;
  /** Finishes what is under way, then ends the thread. */
  readonly close: () => Promise<void>;
};

const RESTART: Backoff = { firstMs: 50, longestMs: 30_000 };

/**
 * This many, gathered within one turn of the event loop, go to an idle thread at once, so that it writes
 * while the host makes the next ones. Measured with 64 in flight: fewer cost more syncs than they save.
 */
const EARLY_APPENDS = 32;

type Pending = {
  readonly request: AppendRequest;
  readonly settle: (result: AppendResult) => void;
};

/**
 * Starts the writing thread and waits until it has opened the file.
 *
 * @param onCommit runs after every group, and after each start: something may have been written
 * @throws TocsinError when the file cannot be opened
 */
export async function startWriter(settings: WriterSettings, onCommit: () => void): Promise<Writer> {
  const pending = new Map<number, Pending>();
  let unsent: number[] = [];
  /** Appends that the thread has in its hands. */
  let writing = 0;
  let thread: Worker | undefined;
  let flushing = false;
  let failures = 0;
  let counter = 0;
  let closing = false;
  let trouble: unknown;
  let drained = (): void => undefined;

  const post = (worker: Worker, message: ToWriter): void => {
    worker.postMessage(message);
  };

  const flush = (): void => {
    if (thread === undefined || unsent.length === 0) return;
    const appends = unsent.flatMap((n): Numbered[] => {
      const request = pending.get(n)?.request;
      return request === undefined ? [] : [{ n, request }];
    });
    unsent = [];
    if (appends.length === 0) return;
    // The thread keeps the process alive only while somebody waits for it.
    thread.ref();
    writing += appends.length;
    post(thread, { kind: 'append', appends });
  };

  const flushTurn = (): void => {
    flushing = false;
    flush();
  };

  const settle = (n: number, result: AppendResult): void => {
    pending.get(n)?.settle(result);
    pending.delete(n);
    if (pending.size > 0) return;
    thread?.unref();
    drained();
  };

  const start = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = spawn(settings);
      let cause: Error | undefined;
      worker.on('message', (message: FromWriter) => {
        switch (message.kind) {
          case 'ready':
            thread = worker;
            trouble = undefined;
            if (pending.size === 0) worker.unref();
            onCommit();
            flush();
            resolve();
            break;
          case 'failed': {
            const { kind, code, message: text, hint } = message.error;
            cause = new TocsinError(kind, code, text, { hint });
            break;
          }
          case 'answers':
            failures = 0;
            writing -= message.answers.length;
            onCommit();
            for (const { n, result } of message.answers) settle(n, result);
        }
      });
      worker.on('error', (error: unknown) => {
        cause = error instanceof Error ? error : new Error(String(error));
      });
      worker.on('exit', (code) => {
        cause ??= new Error(`the writing thread ended with code ${code}`);
        trouble = cause;
        if (thread === worker) lost(cause);
        else reject(cause);
      });
    });

  /** The thread died with appends in its hands. */
  const lost = (cause: unknown): void => {
    thread = undefined;
    writing = 0;
    if (closing) return;
    const waiting = new Set(unsent);
    for (const n of [...pending.keys()]) {
      if (waiting.has(n)) continue;
      settle(n, { outcome: 'unknown', message: 'writing to the file broke off', cause });
    }
    restart();
  };

  const restart = (): void => {
    const waitMs = backoffMs(failures, RESTART, Math.random);
    failures += 1;
    setTimeout(() => {
      if (!closing) start().catch(restart);
    }, waitMs).unref();
  };

  await start();

  return {
    append(request, deadlineMs) {
      return new Promise((resolve) => {
        counter += 1;
        const n = counter;
        const timer = setTimeout(() => {
          const message = `no answer within ${deadlineMs} ms`;
          settle(n, { outcome: 'unknown', message, cause: trouble });
        }, deadlineMs);
        pending.set(n, {
          request,
          settle(result) {
            clearTimeout(timer);
            resolve(result);
          },
        });
        unsent.push(n);
        if (writing === 0 && unsent.length >= EARLY_APPENDS) flush();
        // Otherwise one message per turn of the event loop, however many appends it brings.
        if (!flushing) setImmediate(flushTurn);
        flushing = true;
      });
    },
    async close() {
      if (pending.size > 0) {
        await new Promise<void>((resolve) => {
          drained = resolve;
        });
      }
      closing = true;
      const worker = thread;
      if (worker === undefined) return;
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      worker.ref();
      post(worker, { kind: 'close' });
      await ended;
    },
  };
}

function spawn(workerData: WriterSettings): Worker {
  // From source the file is TypeScript, which Node strips; built, it is JavaScript.
  const entry = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
  // Compiling again what the host has compiled would take half of the thread's start.
  const compiled = getCompileCacheDir();
  return new Worker(new URL(entry, import.meta.url), {
    workerData,
    name: 'tocsin-embedded-store',
    // The host's flags and preloads are for the host: `--input-type`, a tracer or a test runner's hook
    // can keep a thread from starting.
    execArgv: [],
    env: compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled },
  });
}

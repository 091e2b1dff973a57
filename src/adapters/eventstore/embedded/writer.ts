// The host's side of the writing thread: collects appends, pairs answers, and restarts a thread that died.
import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import { backoffMs, type Backoff } from '../../../domain/core/backoff.ts';
import { TocsinError } from '../../../domain/core/errors.ts';
import type { AppendResult } from '../../../domain/ports/event-store.ts';
import type { AppendRequest } from '../common/append-request.ts';
import { encodeGroup, type Numbered } from './group.ts';
import {
  unpackAnswers,
  type FromWriter,
  type ToWriter,
  type Upkeep,
  type UpkeepResult,
  type WriterSettings,
} from './protocol.ts';

export type Writer = {
  /** Resolves with the outcome; `unknown` after `deadlineMs`. Never rejects. */
  readonly append: (request: AppendRequest, deadlineMs: number) => Promise<AppendResult>;
  /** Does other work on the file between two groups of appends. Never rejects; `failed` when it is unknown. */
  readonly upkeep: (work: Upkeep) => Promise<UpkeepResult>;
  /** Finishes the pending appends, then ends the thread. */
  readonly close: () => Promise<void>;
};

const RESTART: Backoff = { firstMs: 50, longestMs: 30_000 };

/** This many appends in one turn of the event loop go to an idle thread at once. Measured: fewer cost more syncs. */
const EARLY_APPENDS = 32;

type Pending = {
  readonly request: AppendRequest;
  readonly resolve: (result: AppendResult) => void;
};

/**
 * Starts the writing thread and waits until it has opened the file. @throws TocsinError when that fails
 *
 * @param onCommit runs after every group, and after each start, since the last thread may have committed
 */
export async function startWriter(settings: WriterSettings, onCommit: () => void): Promise<Writer> {
  const pending = new Map<number, Pending>();
  let unsent: number[] = [];
  /** Appends that the thread has and has not answered. */
  let writing = 0;
  let thread: Worker | undefined;
  let flushing = false;
  let failures = 0;
  let counter = 0;
  let closing = false;
  let lastFailure: unknown;
  let drained = (): void => undefined;
  const upkeep = new Map<number, (result: UpkeepResult) => void>();

  const endUpkeep = (n: number, result: UpkeepResult): void => {
    upkeep.get(n)?.(result);
    upkeep.delete(n);
    unrefIdle();
  };

  const flush = (): void => {
    if (thread === undefined || unsent.length === 0) return;
    const appends = unsent.flatMap((n): Numbered[] => {
      const request = pending.get(n)?.request;
      return request === undefined ? [] : [{ n, request }];
    });
    unsent = [];
    if (appends.length === 0) return;
    // The thread keeps the process alive only while appends are pending.
    thread.ref();
    writing += appends.length;
    const group = encodeGroup(appends);
    thread.postMessage({ kind: 'append', group } satisfies ToWriter, [group.buffer]);
  };

  const flushTurn = (): void => {
    flushing = false;
    flush();
  };

  /** The thread keeps the process alive only while it has work. */
  const unrefIdle = (): void => {
    if (pending.size === 0 && upkeep.size === 0) thread?.unref();
  };

  const resolvePending = (n: number, result: AppendResult): void => {
    pending.get(n)?.resolve(result);
    pending.delete(n);
    if (pending.size > 0) return;
    unrefIdle();
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
            lastFailure = undefined;
            unrefIdle();
            onCommit();
            flush();
            resolve();
            break;
          case 'failed': {
            const { kind, code, message: text, hint } = message.error;
            cause = new TocsinError(kind, code, text, { hint });
            break;
          }
          case 'answers': {
            failures = 0;
            const answers = unpackAnswers(message);
            writing -= answers.length;
            onCommit();
            for (const { n, result } of answers) resolvePending(n, result);
            break;
          }
          case 'upkeep':
            onCommit();
            endUpkeep(message.n, message.result);
        }
      });
      worker.on('error', (error: unknown) => {
        cause = error instanceof Error ? error : new Error(String(error));
      });
      worker.on('exit', (code) => {
        cause ??= new Error(`the writing thread ended with code ${code}`);
        lastFailure = cause;
        if (thread === worker) lost(cause);
        else reject(cause);
      });
    });

  /** The thread died; appends that it has not answered become `unknown`. */
  const lost = (cause: unknown): void => {
    thread = undefined;
    writing = 0;
    const ended: UpkeepResult = { kind: 'failed', message: 'the writing thread ended' };
    for (const n of [...upkeep.keys()]) endUpkeep(n, ended);
    if (closing) return;
    const waiting = new Set(unsent);
    for (const n of [...pending.keys()]) {
      if (waiting.has(n)) continue;
      resolvePending(n, { outcome: 'unknown', message: 'the writing thread ended', cause });
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
          resolvePending(n, { outcome: 'unknown', message, cause: lastFailure });
        }, deadlineMs);
        pending.set(n, {
          request,
          resolve(result) {
            clearTimeout(timer);
            resolve(result);
          },
        });
        unsent.push(n);
        if (writing === 0 && unsent.length >= EARLY_APPENDS) flush();
        // Otherwise one message per turn of the event loop, however many appends come in it.
        if (!flushing) setImmediate(flushTurn);
        flushing = true;
      });
    },
    upkeep(work) {
      const worker = thread;
      if (worker === undefined) {
        return Promise.resolve({ kind: 'failed', message: 'the writing thread starts again' });
      }
      return new Promise((resolve) => {
        counter += 1;
        upkeep.set(counter, resolve);
        worker.ref();
        worker.postMessage({ kind: 'upkeep', n: counter, work } satisfies ToWriter);
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
      worker.postMessage({ kind: 'close' } satisfies ToWriter);
      await ended;
    },
  };
}

function spawn(workerData: WriterSettings): Worker {
  // From source, Node strips the types of the file; the build has bundled it.
  const entry = import.meta.url.endsWith('.ts') ? './worker.ts' : './embedded-worker.js';
  // Without the host's compile cache, compiling would take half of the thread's start.
  const compiled = getCompileCacheDir();
  return new Worker(new URL(entry, import.meta.url), {
    workerData,
    name: 'tocsin-embedded-store',
    // The host's flags and preloads, such as `--input-type` or a tracer, can keep a thread from starting.
    execArgv: [],
    env: compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled },
  });
}

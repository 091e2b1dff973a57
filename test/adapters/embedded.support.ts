// Shared by the embedded store's tests: a temporary directory, and child processes that run the store.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { embeddedStore, openEmbeddedStore } from '../../src/adapters/eventstore/embedded/store.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import type { EventStore } from '../../src/domain/ports/event-store.ts';

export function temporaryFile(name = 'events.db'): string {
  const directory = mkdtempSync(join(tmpdir(), 'tocsin-embedded-'));
  onTestFinished(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return join(directory, name);
}

/** Opens a store that is closed when the test ends. */
export async function opened(file: string, maxPages?: number): Promise<EventStore> {
  const store =
    maxPages === undefined
      ? await embeddedStore({ file, holder: 'a test' })
      : await openEmbeddedStore({ file }, { maxPages });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

/** Kind and code of the error that the work ends in. */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof TocsinError) return `${error.kind} ${error.code}`;
    throw error;
  }
  return 'no error';
}

export type Child = {
  readonly process: ChildProcess;
  readonly lines: AsyncIterableIterator<string>;
  readonly stderr: Promise<string>;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
};

/** Runs a module's text in another Node; `embeddedStore`, `embeddedReader` and `file` are there. */
export function child(file: string, body: string, env: NodeJS.ProcessEnv = {}): Child {
  const module = new URL('../../src/adapters/eventstore/embedded/store.ts', import.meta.url).href;
  const code = `
    import { embeddedReader, embeddedStore } from ${JSON.stringify(module)};
    const file = ${JSON.stringify(file)};
    const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
    const anEvent = (n) => ({ id: crypto.randomUUID(), type: 'Counted', data: { n }, metadata: {} });
    ${body}`;
  const started = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  onTestFinished(() => {
    started.kill('SIGKILL');
  });
  return {
    process: started,
    lines: createInterface(started.stdout)[Symbol.asyncIterator](),
    stderr: text(started.stderr),
    exited: new Promise((resolve) => {
      started.once('exit', (code, signal) => {
        resolve({ code, signal });
      });
    }),
  };
}

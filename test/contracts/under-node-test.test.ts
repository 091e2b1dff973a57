// The exported contract suites under node:test: a good adapter passes, and a broken one fails.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

const testing = new URL('../../src/testing.ts', import.meta.url).href;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-node-test-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Runs the event store's suite under node:test over a memory store whose `append` is as given. */
function run(append: string): Promise<{ readonly code: unknown; readonly stdout: string }> {
  const file = join(folder, 'contract.test.mjs');
  writeFileSync(
    file,
    `import * as runner from 'node:test';
     import { ALL_PROMISES, eventStoreContract, memoryStore } from ${JSON.stringify(testing)};
     eventStoreContract(runner, 'my store', async () => {
       const store = memoryStore();
       const append = ${append};
       return { store: { ...store, append }, cleanup: () => store[Symbol.asyncDispose]() };
     }, { ...ALL_PROMISES, isDurable: false });`,
  );
  return runFile(file);
}

function runFile(file: string): Promise<{ readonly code: unknown; readonly stdout: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--test-reporter=tap', file], (error, stdout) => {
      resolve({ code: error?.code ?? 0, stdout });
    });
  });
}

it('runs the exported suites under node:test', async () => {
  const { code, stdout } = await run('store.append');
  expect(stdout).toMatch(/^# pass [1-9]\d$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
  expect(code).toBe(0);
});

it('fails a store that does not check the expected revision', async () => {
  const { code, stdout } = await run(
    `async (stream, expected, events) => {
       const first = await store.append(stream, expected, events);
       return first.outcome === 'conflict' ? store.append(stream, first.actual, events) : first;
     }`,
  );
  expect(stdout).toContain('not ok');
  expect(code).toBe(1);
});

it('runs the test file that docs/embedding.md shows', async () => {
  const document = readFileSync(new URL('../../docs/embedding.md', import.meta.url), 'utf8');
  const blocks = [...document.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code);
  const snippet = blocks.find((code) => code.includes("import { test } from 'node:test'"));
  const entry = new URL('../../src/index.ts', import.meta.url).href;
  const file = join(folder, 'invoice.test.ts');
  const code = snippet
    ?.replace("'tocsin'", `'${entry}'`)
    .replace("'tocsin/testing'", `'${testing}'`);
  writeFileSync(file, code ?? '');
  const { code: exitCode, stdout } = await runFile(file);
  expect(stdout).toMatch(/^# pass 1$/m);
  expect(exitCode).toBe(0);
});

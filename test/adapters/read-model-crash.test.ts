// What a read-model file holds after SIGKILL of its owner, and who may own it next.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { memoryReadModel } from '../../src/adapters/memory/read-model.ts';
import { openReadModelReader, sqliteReadModel } from '../../src/adapters/sqlite/read-model.ts';
import { snapshotOf } from '../../src/adapters/memory/read-model.ts';
import { batchUpTo } from '../contracts/read-model.fixtures.ts';
import { SLOW_TEST_MS } from '../support/timeouts.ts';

const BATCH = 30n;
let directory: string;
let file: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tocsin-read-model-'));
  file = join(directory, 'state.db');
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

/** Another process that opens the file and commits until it is killed; it says what it did, line by line. */
function owner(): { readonly child: ChildProcess; readonly lines: AsyncIterator<string> } {
  const module = (path: string): string =>
    JSON.stringify(new URL(`../../${path}`, import.meta.url).href);
  const code = `
    import { writeSync } from 'node:fs';
    import { sqliteReadModel } from ${module('src/adapters/sqlite/read-model.ts')};
    import { batchUpTo } from ${module('test/contracts/read-model.fixtures.ts')};
    const say = (line) => writeSync(1, line + '\\n');
    try {
      const model = sqliteReadModel({ file: ${JSON.stringify(file)}, owner: 'the other process' });
      let sequence = model.checkpoint()?.sequence ?? 0n;
      for (;;) {
        sequence += ${BATCH}n;
        model.commit(batchUpTo(sequence));
        say(String(sequence));
      }
    } catch (error) { say(error.code + ' ' + error.message + ' ' + error.hint); }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

async function next(lines: AsyncIterator<string>): Promise<string> {
  const result = await lines.next();
  return result.done === true ? '' : result.value;
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** What the file must hold when its last commit is the one at `sequence`; later calls go on from there. */
function replaying(): (sequence: bigint) => unknown {
  const model = memoryReadModel();
  let reached = 0n;
  return (sequence) => {
    while (reached < sequence) {
      reached += BATCH;
      model.commit(batchUpTo(reached));
    }
    return model.snapshot();
  };
}

describe('sqliteReadModel whose owner is killed', { timeout: SLOW_TEST_MS }, () => {
  test('holds a whole number of commits after every kill', async () => {
    const replayTo = replaying();
    let reached = 0n;
    for (const commits of [1, 4, 15, 2, 40]) {
      const { child, lines } = owner();
      for (let seen = 0; seen < commits; seen += 1) reached = BigInt(await next(lines));
      await kill(child);
      using reader = openReadModelReader(file);
      const found = snapshotOf(reader);
      // What a killed process had committed is in the system's hands: nothing of it is lost.
      expect(found.checkpoint?.sequence).toBeGreaterThanOrEqual(reached);
      expect(found).toEqual(replayTo(found.checkpoint?.sequence ?? 0n));
      reached = found.checkpoint?.sequence ?? 0n;
    }
    using model = sqliteReadModel({ file });
    model.commit(batchUpTo(reached + BATCH));
    expect(snapshotOf(model)).toEqual(replayTo(reached + BATCH));
  });

  test('is in use until the owner is killed, and free at once afterwards', async () => {
    const { child, lines } = owner();
    expect(await next(lines)).toBe(String(BATCH));
    expect(() => sqliteReadModel({ file })).toThrow(
      new RegExp(`state.db is in use by the other process \\(process ${child.pid} on `),
    );
    await kill(child);
    using model = sqliteReadModel({ file });
    expect(model.checkpoint()?.sequence).toBeGreaterThanOrEqual(BATCH);
    const second = await next(owner().lines);
    expect(second).toMatch(/^read_model_in_use .*state\.db is in use by a projector \(process \d+/);
    expect(second).toContain('--state with another file');
  });
});

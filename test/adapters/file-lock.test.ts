import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { acquireFileLock, type LockOwner } from '../../src/adapters/sqlite/file-lock.ts';
import { TocsinError } from '../../src/domain/core/errors.ts';
import { refusal } from '../support/refusals.ts';

let directory: string;
let file: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tocsin-lock-'));
  file = join(directory, 'store.db');
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

const inUse = (owner: LockOwner | undefined): TocsinError =>
  new TocsinError('refused', 'in_use', `held by ${owner?.what} (pid ${owner?.pid})`, {
    hint: 'Stop it.',
  });

const lock = (path: string, holder = 'a test') => acquireFileLock(path, { holder, inUse });

/** Another process that says "held" or the error's message, and then stays. */
/** Does it as a user who owns nothing, where we are root and may do everything. */
function withoutPrivileges<T>(work: () => T): T {
  if (process.geteuid?.() !== 0) return work();
  const nobody = 65_534;
  process.seteuid?.(nobody);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
  }
}

function holderProcess(
  path: string,
  holder: string,
): { child: ChildProcess; said: Promise<string> } {
  const module = new URL('../../src/adapters/sqlite/file-lock.ts', import.meta.url).href;
  const code = `
    import { acquireFileLock } from ${JSON.stringify(module)};
    try {
      acquireFileLock(${JSON.stringify(path)}, { holder: ${JSON.stringify(holder)}, inUse: (o) => new Error('held by ' + o?.pid) });
      process.stdout.write('held\\n');
    } catch (error) { process.stdout.write(error.message + '\\n'); }
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const said = once(child.stdout, 'data').then(([bytes]: unknown[]) => String(bytes).trim());
  return { child, said };
}

describe('a file lock', () => {
  test('has one holder, names it to the second, and is free again after its release', () => {
    const first = lock(file, 'tocsin start');
    expect(() => lock(file)).toThrow(`held by tocsin start (pid ${process.pid})`);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    using second = lock(file);
    expect(second.file).toBe(`${file}.lock`);
  });

  test('is one lock for every name of the same file', () => {
    writeFileSync(file, '');
    symlinkSync(file, join(directory, 'link.db'));
    using first = lock(file);
    expect(refusal(() => lock(join(directory, 'link.db')))).toBe('refused in_use');
    expect(first.file).toBe(`${file}.lock`);
  });

  test('holds across processes and ends with its holder, even by SIGKILL', async () => {
    const other = holderProcess(file, 'tocsin worker');
    expect(await other.said).toBe('held');
    expect(() => lock(file)).toThrow(`held by tocsin worker (pid ${other.child.pid})`);
    other.child.kill('SIGKILL');
    await once(other.child, 'exit');
    lock(file)[Symbol.dispose]();
  });

  test('goes to exactly one of several that start at once', async () => {
    const said = await Promise.all(
      Array.from({ length: 6 }, () => holderProcess(file, 'racer').said),
    );
    expect(said.filter((text) => text === 'held')).toHaveLength(1);
    const winner = children[said.indexOf('held')];
    expect(new Set(said)).toEqual(new Set(['held', `held by ${winner?.pid}`]));
  });

  test('makes the directory', () => {
    using made = lock(join(directory, 'a', 'b', 'store.db'));
    expect(made.file).toBe(join(directory, 'a', 'b', 'store.db.lock'));
  });

  test('refuses a lock file that is something else and leaves it alone', () => {
    writeFileSync(
      `${file}.lock`,
      'not a database at all, but long enough to have a header'.repeat(20),
    );
    expect(refusal(() => lock(file))).toBe('refused lock_foreign');
    const foreign = new DatabaseSync(`${join(directory, 'x')}.lock`);
    foreign.exec('CREATE TABLE theirs (a)');
    foreign.close();
    expect(refusal(() => lock(join(directory, 'x')))).toBe('refused lock_foreign');
  });

  test('says so when the directory cannot be written', () => {
    chmodSync(directory, 0o500);
    // Root may write everywhere, so it asks as somebody else.
    expect(withoutPrivileges(() => refusal(() => lock(file)))).toBe('usage lock_unusable');
  });

  test('says so when the lock file cannot be opened', () => {
    using _ = lock(join(directory, 'd.lock', 'inner'));
    expect(refusal(() => lock(join(directory, 'd')))).toBe('usage lock_unusable');
  });
});

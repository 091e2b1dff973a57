// The set-up's pieces: what it looks for, when it installs, and that it never leaves a half.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dependenciesAreFresh, wantedStamp } from '../../scripts/setup/dependencies.mjs';
import { alone } from '../../scripts/setup/lock.mjs';
import { findNatsServer, packageManagers } from '../../scripts/setup/nats-server.mjs';
import { isNewEnough, platformPackages } from '../../scripts/setup/node.mjs';
import { npmCommand } from '../../scripts/setup/npm.mjs';
import { ends, quietly, SetupError } from '../../scripts/setup/step.mjs';
import { targets } from '../../scripts/targets.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-setup-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function program(path: string, mode = 0o755): string {
  const file = join(folder, path);
  mkdirSync(resolve(file, '..'), { recursive: true });
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, mode);
  return file;
}

describe('nats-server', () => {
  test('is looked for in PATH, then in the usual folders', () => {
    const inPath = program('path/nats-server');
    const usual = program('sbin/nats-server');
    const [path, sbin] = [join(folder, 'path'), join(folder, 'sbin')];
    expect(findNatsServer({ PATH: `${join(folder, 'none')}:${path}` }, [sbin])).toBe(inPath);
    expect(findNatsServer({ PATH: '' }, [sbin])).toBe(usual);
    expect(findNatsServer({}, [])).toBeUndefined();
  });

  test('is no folder and no file that cannot be run', () => {
    mkdirSync(join(folder, 'a/nats-server'), { recursive: true });
    program('b/nats-server', 0o644);
    expect(findNatsServer({}, [join(folder, 'a'), join(folder, 'b')])).toBeUndefined();
  });

  test('is what TOCSIN_NATS_SERVER names, or an error if that is wrong', () => {
    const named = program('named');
    const sbin = join(folder, 'sbin');
    program('sbin/nats-server');
    expect(findNatsServer({ TOCSIN_NATS_SERVER: named }, [sbin])).toBe(named);
    expect(() => findNatsServer({ TOCSIN_NATS_SERVER: join(folder, 'x') }, [sbin])).toThrow(
      SetupError,
    );
  });

  test.for(packageManagers)('is installed by $program in a command that parses', (manager) => {
    const [shell, option, script] = manager.command;
    if (shell !== 'sh' || option !== '-c') return;
    expect(() => {
      quietly(['sh', '-n', '-c', script ?? ''], { what: 'x', hint: '' });
    }).not.toThrow();
  });
});

describe('what a command needs', () => {
  const needs = (name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    targets[name]?.needsNatsServer(args, env);

  test('is a nats-server for start and the tests', () => {
    expect(needs('start', [])).toBe(true);
    expect(needs('start', ['--once'])).toBe(true);
    expect(needs('tocsin', ['start', '--once'])).toBe(true);
    expect(needs('test', [])).toBe(true);
  });

  test('is none where another server is named, or nothing is started', () => {
    expect(needs('start', ['--nats', 'nats://localhost:4222'])).toBe(false);
    expect(needs('start', ['--nats=nats://localhost:4222'])).toBe(false);
    expect(needs('start', [], { TOCSIN_NATS: 'nats://localhost:4222' })).toBe(false);
    expect(needs('tocsin', ['start', '--help'])).toBe(false);
    expect(needs('tocsin', ['--help'])).toBe(false);
    expect(needs('tocsin', ['raise', '--file', 'start'])).toBe(false);
    expect(needs('check', [])).toBe(false);
  });

  test('passes the arguments on', () => {
    expect(targets['start']?.command(['--once'])).toEqual(['src/cli/main.ts', 'start', '--once']);
    expect(targets['tocsin']?.command(['watch'])).toEqual(['src/cli/main.ts', 'watch']);
  });
});

describe('Node', () => {
  test.for([
    ['20.20.2', false],
    ['23.11.0', false],
    ['24.0.0', true],
    ['100.0.0', true],
  ] as const)('%s is new enough: %s', ([version, expected]) => {
    expect(isNewEnough(version)).toBe(expected);
  });

  test('is pinned by hash for every platform', () => {
    const all = Object.values(platformPackages);
    expect(all.map(({ version }) => isNewEnough(version))).toEqual(all.map(() => true));
    expect(all.map(({ integrity }) => /^sha512-[\w+/]{86}==$/.test(integrity))).toEqual(
      all.map(() => true),
    );
    expect(Object.keys(platformPackages).sort()).toEqual(
      ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64'].sort(),
    );
  });
});

describe('the dependencies', () => {
  const install = (): void => {
    mkdirSync(join(folder, 'node_modules'));
    writeFileSync(join(folder, 'node_modules/.tocsin-lock'), wantedStamp(folder));
  };

  test('are stale when there are none, and when the lock file changed', () => {
    writeFileSync(join(folder, 'package-lock.json'), '{}');
    expect(dependenciesAreFresh(folder)).toBe(false);
    install();
    expect(dependenciesAreFresh(folder)).toBe(true);
    writeFileSync(join(folder, 'package-lock.json'), '{"a":1}');
    expect(dependenciesAreFresh(folder)).toBe(false);
  });

  test('are installed by the npm that runs us, without install scripts', () => {
    const running = npmCommand(['ci'], { npm_execpath: '/x/npm/bin/npm-cli.js' });
    expect(running.slice(0, 2)).toEqual([process.execPath, '/x/npm/bin/npm-cli.js']);
    expect(running).toContain('--ignore-scripts');
    expect(running.at(-1)).toBe('ci');
    expect(npmCommand(['ci'], { npm_execpath: '/x/pnpm.cjs' })[0]).toBe('npm');
    expect(npmCommand(['ci'], {})[0]).toBe('npm');
  });
});

describe('the lock of the set-up', () => {
  test('lets one at a time work', async () => {
    let inside = 0;
    let most = 0;
    const work = () =>
      alone(folder, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await delay(5);
        inside -= 1;
      });
    await Promise.all([work(), work(), work()]);
    expect(most).toBe(1);
    expect(existsSync(join(folder, 'setup.lock'))).toBe(false);
  });

  test('is released when the work fails', async () => {
    await expect(alone(folder, () => Promise.reject(new Error('x')))).rejects.toThrow('x');
    await expect(alone(folder, () => 'again')).resolves.toBe('again');
  });

  test('of a killed owner is taken over', async () => {
    const lock = resolve(import.meta.dirname, '../../scripts/setup/lock.mjs');
    const script = `import { alone } from ${JSON.stringify(lock)};
      await alone(${JSON.stringify(folder)}, () => {
        process.stdout.write('held');
        return new Promise((resolve) => setTimeout(resolve, 60_000));
      });`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script]);
    await once(owner.stdout, 'data');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await expect(alone(folder, () => 'mine')).resolves.toBe('mine');
  });
});

describe('a step that fails', () => {
  test('shows both ends of the output, and what to do', () => {
    const print = 'for (let i = 1; i <= 99; i++) console.log(i); process.exit(4)';
    const failing = () => {
      quietly([process.execPath, '-e', print], { what: 'Counting', hint: 'Count yourself.' });
    };
    expect(failing).toThrow('Counting failed (exit 4).');
    expect(failing).toThrow(expect.objectContaining({ hint: 'Count yourself.' }));
  });

  test('keeps a short output whole', () => {
    expect(ends('a\n\nb\n')).toBe('a\nb');
    expect(ends('1\n2\n3\n4\n5', { first: 1, last: 2 })).toBe('1\n…\n4\n5');
  });
});

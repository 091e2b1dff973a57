import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AckPolicy, connect } from 'nats';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  findLeftover,
  findNatsServer,
  startNatsServer,
  stopLeftover,
} from '../../src/adapters/nats/server.ts';
import { testNatsServer } from '../support/nats-server.ts';

let folder: string;
let pidFile: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tocsin-server-'));
  pidFile = join(folder, 'nats.pid');
});
afterEach(async () => {
  await stopLeftover(pidFile);
  await rm(folder, { recursive: true, force: true });
});

/** A zombie is dead: an orphan's is taken away by whoever is process 1, or by nobody. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return /^[^Z]/.test(stdout.trim());
}

test('startNatsServer starts JetStream on loopback and stop ends it', async () => {
  const server = await startNatsServer({ storeDir: join(folder, 'store'), pidFile });
  const client = await connect({ servers: server.url });
  expect(client.info).toMatchObject({ jetstream: true, host: '127.0.0.1', port: server.port });
  await client.close();
  expect(JSON.parse(await readFile(pidFile, 'utf8'))).toMatchObject({
    pid: server.pid,
    port: server.port,
    storeDir: join(folder, 'store'),
  });
  await server.stop();
  await server.stop();
  await server.exited;
  expect(isAlive(server.pid)).toBe(false);
  await expect(readFile(pidFile)).rejects.toThrow('ENOENT');
  expect(await readFile(join(folder, 'store', 'nats-server.log'), 'utf8')).toContain('Starting');
});

test('nobody else can reach a file of the server, whatever the umask', async () => {
  const umask = process.umask(0);
  try {
    const user = { name: 'tocsin', password: 'word' };
    const storeDir = join(folder, 'store');
    const server = await startNatsServer({ storeDir, user });
    const client = await connect({ servers: server.url, user: user.name, pass: user.password });
    const manager = await client.jetstreamManager();
    await manager.streams.add({ name: 'A', subjects: ['a'] });
    await manager.consumers.add('A', { durable_name: 'c', ack_policy: AckPolicy.Explicit });
    await client.jetstream().publish('a', 'text');
    await client.close();
    await server.stop();
    const paths = (await readdir(storeDir, { recursive: true })).map((name) =>
      join(storeDir, name),
    );
    expect(paths.length).toBeGreaterThan(5);
    const modes = await Promise.all(
      paths.map(async (path) => ({ path, mode: (await stat(path)).mode })),
    );
    expect(modes.filter(({ mode }) => (mode & 0o077) !== 0)).toEqual([]);
    expect(process.umask(0)).toBe(0);
  } finally {
    process.umask(umask);
  }
});

test('ten servers started at once get different ports', async () => {
  const servers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => startNatsServer({ storeDir: join(folder, String(i)) })),
  );
  expect(new Set(servers.map(({ port }) => port)).size).toBe(10);
  await Promise.all(servers.map((server) => server.stop()));
});

test('stop ends a frozen server', async () => {
  const server = await startNatsServer({ storeDir: join(folder, 'store') });
  server.kill('SIGSTOP');
  await server.stop();
  expect(isAlive(server.pid)).toBe(false);
});

test('a killed server restarts with the same port and store', async () => {
  await using server = await testNatsServer();
  const before = await connect({ servers: server.url, reconnect: false });
  const { streams } = await before.jetstreamManager();
  await streams.add({ name: 'KEPT', subjects: ['kept'] });
  await server.crash();
  await before.closed();
  await server.restart();
  const after = await connect({ servers: server.url });
  const manager = await after.jetstreamManager();
  expect((await manager.streams.info('KEPT')).config.name).toBe('KEPT');
  await after.close();
});

test('startNatsServer names a port that is in use', async () => {
  const squatter = createServer().listen(0, '127.0.0.1');
  await once(squatter, 'listening');
  const address = squatter.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const starting = startNatsServer({ storeDir: join(folder, 'store'), port });
  await expect(starting).rejects.toMatchObject({ kind: 'usage', code: 'nats_port_taken' });
  squatter.close();
});

test('startNatsServer shows the log of a server that does not start', async () => {
  const configFile = join(folder, 'bad.conf');
  await writeFile(configFile, 'nonsense {');
  const starting = startNatsServer({ storeDir: join(folder, 'store'), configFile });
  await expect(starting).rejects.toMatchObject({ kind: 'unavailable', code: 'nats_server_start' });
  await expect(starting).rejects.toThrow(/Parse error on line 1/);
});

test('findNatsServer names a missing binary and prefers TOCSIN_NATS_SERVER', () => {
  const env = { TOCSIN_NATS_SERVER: join(folder, 'missing'), PATH: process.env['PATH'] };
  expect(() => findNatsServer(env)).toThrow(/nats-server is not installed/);
  expect(findNatsServer({ PATH: process.env['PATH'] })).toMatch(/nats-server$/);
});

test('startNatsServer refuses a second server on the same store', async () => {
  const storeDir = join(folder, 'store');
  await using server = await startNatsServer({ storeDir, pidFile });
  const second = startNatsServer({ storeDir, pidFile });
  await expect(second).rejects.toMatchObject({ kind: 'refused', code: 'nats_server_running' });
  expect(await findLeftover(pidFile)).toMatchObject({ pid: server.pid, port: server.port });
});

const child = (body: string): string => `
  import { startNatsServer } from ${JSON.stringify(join(import.meta.dirname, '../../src/adapters/nats/server.ts'))};
  const server = await startNatsServer(${JSON.stringify({ storeDir: join(folder, 'store'), pidFile })});
  process.stdout.write(String(server.pid));
  ${body}
`;

async function inChild(body: string, signal?: NodeJS.Signals): Promise<number> {
  const process_ = spawn(process.execPath, ['--input-type=module', '-e', child(body)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(process_, 'exit');
  let text = '';
  for await (const chunk of process_.stdout) {
    text += String(chunk);
    if (signal !== undefined) process_.kill(signal);
  }
  await exit;
  return Number(text);
}

test.for([
  ['returns', ''],
  ['exits', 'process.exit(3)'],
  [
    'throws',
    'console.error = () => {}; process.on("uncaughtException", () => process.exit(1)); throw 1',
  ],
])('a server ends when its parent %s', async ([, body = '']) => {
  const pid = await inChild(body);
  await expect.poll(() => isAlive(pid)).toBe(false);
});

test('stopLeftover stops the server of a killed parent by its pid file', async () => {
  const pid = await inChild('setInterval(() => {}, 1000)', 'SIGKILL');
  expect(await findLeftover(pidFile)).toMatchObject({ pid });
  expect(await stopLeftover(pidFile)).toMatchObject({ pid });
  expect(isAlive(pid)).toBe(false);
  expect(await stopLeftover(pidFile)).toBeUndefined();
});

test.for([
  ['of another process', { pid: process.pid, port: 1, storeDir: '/x', startedAt: '' }],
  ['of nobody', { pid: 2 ** 22 + 1, port: 1, storeDir: '/x', startedAt: '' }],
  ['in no form', { pid: -1 }],
  ['in no JSON', undefined],
] as const)('stopLeftover ends no process and removes a pid file %s', async ([, content]) => {
  await writeFile(pidFile, content === undefined ? '4711' : JSON.stringify(content));
  expect(await findLeftover(pidFile)).toBeUndefined();
  expect(await stopLeftover(pidFile)).toBeUndefined();
  await expect(readFile(pidFile)).rejects.toThrow('ENOENT');
});

test('findLeftover ignores a server with another store', async () => {
  await using server = await startNatsServer({ storeDir: join(folder, 'store') });
  const { pid, port } = server;
  const other = { pid, port, storeDir: join(folder, 'other'), startedAt: '' };
  await writeFile(pidFile, JSON.stringify(other));
  expect(await stopLeftover(pidFile)).toBeUndefined();
  expect(isAlive(pid)).toBe(true);
});

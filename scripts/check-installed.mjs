// Installs the packed package into an empty folder, and runs every command and every daemon from there. What a bundle
// leaves out, or an import inside a function, fails only where the code is called.
import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A daemon must be up, and later must have ended, within this time. */
const DAEMON_MS = 60_000;
const INTERNAL_ERROR = 5;
/** Bytes of a first page with all its assets. */
const MAX_FIRST_PAGE = 200_000;

const folder = mkdtempSync(join(tmpdir(), 'tocsin-installed-'));
/** @type {string[]} */
const problems = [];
const collector = await openCollector();

try {
  install();
  await runAll();
  for (const service of ['api', 'projector', 'worker', 'store']) {
    if (!collector.services.has(`tocsin-${service}`)) {
      const got = [...collector.services].join(', ');
      problems.push(`no metrics of tocsin-${service} came by OTLP, only of ${got}`);
    }
  }
} finally {
  collector.close();
  rmSync(folder, { recursive: true, force: true });
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

/** A collector that remembers which services have sent metrics. */
async function openCollector() {
  /** @type {Set<string>} */
  const services = new Set();
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1').on('data', (/** @type {string} */ text) => (body += text));
    request.on('end', () => {
      // JSON and protobuf both have the name of the service as text.
      const [name] = /tocsin-(?:api|projector|worker|store)/.exec(body) ?? [];
      if (request.url === '/v1/metrics' && name !== undefined) services.add(name);
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      resolve(undefined);
    }),
  );
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { services, url: `http://127.0.0.1:${port}`, close: () => server.close() };
}

function install() {
  npm(process.cwd(), ['pack', '--ignore-scripts', '--pack-destination', folder]);
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  npm(folder, ['install', ...quiet, join(folder, archive ?? '')]);
}

/**
 * @param {string} cwd
 * @param {readonly string[]} args
 */
function npm(cwd, args) {
  const { status, stderr } = spawnSync('npm', args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ${args[0]} failed: ${stderr}`);
}

async function runAll() {
  // It has a store, a NATS server, a projector, a worker and an API; the commands below use them.
  const start = daemon(['start', '--examples'], /Type or pipe trigger lines/);
  if (!(await start.up())) {
    await start.end();
    return;
  }
  const trigger = JSON.stringify({
    user_id: 7,
    trigger_type: 'important_urgent_task',
    target_type: 'task_pool',
    target_id: 1,
    source: 'api_trigger',
    requested_at: '2026-01-01T10:00:00Z',
  });
  await lookAtConsole(start.said());
  const watch = daemon(['watch'], /./);
  for (const [args, input] of commands(trigger)) await command(args, input);
  const parts = [
    daemon(['start', '--mode', 'api', '--json'], /"msg":"started"/),
    daemon(['start', '--mode', 'projector', '--standby', '--state', 'p.db'], /"msg":"started"/),
    daemon(
      ['start', '--mode', 'worker', '--standby', '--state', 'w.db', '--worker', 'w'],
      /"msg":"started"/,
    ),
    daemon(['project', '--standby', '--state', 's.db'], /"msg":"projector started"/),
    daemon(['store', '--store', 'embedded:other.db', '--listen', '127.0.0.1:0'], /Serving/),
    watch,
  ];
  await Promise.all(parts.map(({ end }) => end()));
  await start.end();
  await command([
    'project',
    '--once',
    '--store',
    'embedded:var/store.db',
    '--nats',
    'nats://127.0.0.1:1',
  ]);
  await command(['start', '--once', '--json']);
}

/**
 * The console by its one-time link: its first page with all that a browser loads for it.
 *
 * @param {string} said what `tocsin start` has printed
 */
async function lookAtConsole(said) {
  const link = /http:\S+\/console\/enter\?key=\S+/.exec(said)?.[0] ?? '';
  if (link === '') {
    problems.push(`tocsin start printed no link to the console: ${said}`);
    return;
  }
  const entered = await fetch(link, { redirect: 'manual' });
  const [cookie = ''] = (entered.headers.get('set-cookie') ?? '').split(';');
  const { origin } = new URL(link);
  const page = await load(`${origin}/console`, cookie);
  const assets = [...page.text.matchAll(/(?:href|src)="(\/console\/assets\/[^"]+)"/g)];
  if (assets.length < 3) problems.push(`the console names ${assets.length} assets: ${page.text}`);
  let bytes = page.bytes;
  for (const [, path] of assets) bytes += (await load(`${origin}${path}`, cookie)).bytes;
  if (bytes > MAX_FIRST_PAGE) problems.push(`the console’s first page takes ${bytes} bytes`);
  for (const path of ['notifications', 'policies', 'deliveries', 'parked', 'streams', 'audit'])
    await load(`${origin}/console/${path}`, cookie);
}

/**
 * @param {string} url
 * @param {string} cookie
 */
async function load(url, cookie) {
  const response = await fetch(url, { headers: { cookie } });
  const body = await response.arrayBuffer();
  if (response.status !== 200) problems.push(`${url} was answered with ${response.status}`);
  return { bytes: body.byteLength, text: new TextDecoder().decode(body) };
}

/**
 * Every command, with its subcommands; some refuse what they get, and none may end with an internal error.
 *
 * @param {string} trigger
 * @returns {readonly (readonly [args: readonly string[], input?: string])[]}
 */
function commands(trigger) {
  const because = ['--reason', 'a test'];
  const id = '6072f595-6a17-5132-a9b1-daa475c1b68e';
  return [
    [['raise', '--file', '-'], trigger],
    [['cancel', '--type', 'important_urgent_task', '--target', '1', ...because]],
    [['audit', 'replay']],
    [['audit', 'verify']],
    [['audit', 'explain', '--user', '7', '--at', '2026-01-01T10:00:00Z']],
    [['audit', 'simulate', '--policy', 'none']],
    [['audit', 'rebuild', '--state', 'rebuilt.db']],
    [['audit', 'export', '--out', 'log.ndjson']],
    [['audit', 'verify-export', 'log.ndjson']],
    [['audit', 'redact-export', 'log.ndjson', '--out', 'redacted.ndjson']],
    [['policy', 'show']],
    [['policy', 'history']],
    [['policy', 'set', 'none', '--type', 'important_urgent_task', ...because]],
    [['policy', 'mute', '--for', '2h', ...because]],
    [['policy', 'unmute', ...because]],
    [['deliveries', 'list']],
    [['deliveries', 'muted']],
    [['deliveries', 'show', id]],
    [['deliveries', 'redrive', id, ...because]],
    [['deliveries', 'release', id, ...because]],
    [['channel', 'list', '--user', '7']],
    [['channel', 'put', '--user', '7', '--channel', 'webhook'], 'https://example.com/hook'],
    [['channel', 'get', '--user', '7', '--channel', 'webhook']],
    [['park', 'list']],
    [['park', 'retry', '--all']],
    [['park', 'drop', id]],
    [['jobs', 'list']],
    [['jobs', 'import', 'var/tasks']],
    [['jobs', 'cancel', id, ...because]],
    [['token', 'create', '--for', 'a test', '--service']],
    [['token', 'list']],
    [['token', 'revoke', 'abcdef', ...because]],
    [['forget', '--user', '9']],
    [['store', 'acl']],
    [['store', 'copy', '--to', 'embedded:copy.db']],
    [['doctor']],
    [['backup', 'backup']],
    [['restore', 'backup', '--check']],
    [['--version']],
    [['--help']],
  ];
}

/**
 * The command line of an installed package.
 *
 * @param {readonly string[]} args
 */
function line(args) {
  return ['node_modules/tocsin/bin/tocsin.mjs', ...args];
}

/**
 * @param {readonly string[]} args
 * @param {string} [input]
 */
async function command(args, input = '') {
  const child = spawn(process.execPath, line(args), { cwd: folder, timeout: DAEMON_MS });
  const said = outputOf(child);
  child.stdin.end(input);
  /** @type {number | null} */
  const code = await new Promise((resolve) => child.once('close', resolve));
  const isBroken = code === null || code === INTERNAL_ERROR || isUnloadable(said());
  if (isBroken) problems.push(`tocsin ${args.join(' ')} ended with ${code}: ${said()}`);
}

/**
 * What a process says, on both streams.
 *
 * @param {import('node:child_process').ChildProcessWithoutNullStreams} child
 */
function outputOf(child) {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (/** @type {Buffer} */ bytes) => {
      said += bytes.toString();
    });
  }
  return () => said;
}

function isUnloadable(/** @type {string} */ said) {
  return /ERR_MODULE_NOT_FOUND|Cannot find (?:module|package)|unknown (?:command|option)|is not defined in package/.test(
    said,
  );
}

/**
 * Starts a daemon. `end` stops it with SIGTERM, after which it must end with 0.
 *
 * @param {readonly string[]} args
 * @param {RegExp} isUpPattern
 */
function daemon(args, isUpPattern) {
  const env = { ...process.env, TOCSIN_OTLP: collector.url };
  const child = spawn(process.execPath, line(args), { cwd: folder, env });
  const said = outputOf(child);
  const name = `tocsin ${args.join(' ')}`;
  /** @type {Promise<number | null>} */
  const ended = new Promise((resolve) => child.once('close', resolve));
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  const up = async () => {
    const deadline = performance.now() + DAEMON_MS;
    while (!isUpPattern.test(said())) {
      if (isOver || performance.now() > deadline) return false;
      await sleep(50);
    }
    return true;
  };
  return {
    up,
    said,
    end: async () => {
      if (!(await up())) problems.push(`${name} did not start: ${said()}`);
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), DAEMON_MS);
      const code = await ended;
      clearTimeout(timer);
      if (code !== 0 || isUnloadable(said())) {
        problems.push(`${name} ended with ${code}: ${said()}`);
      }
    },
  };
}

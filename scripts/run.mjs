// Behind every npm command: `node scripts/run.mjs TARGET ...args`. Sets up what is missing (dependencies,
// Node 24, nats-server, a browser), then runs the target with it. Plain JavaScript that Node 20 runs.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureChromium } from './setup/chromium.mjs';
import { ensureDependencies } from './setup/dependencies.mjs';
import { ensureNatsServer } from './setup/nats-server.mjs';
import { ensureNode } from './setup/node.mjs';
import { SetupError } from './setup/step.mjs';
import { targets } from './targets.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const compileCache = 'node_modules/.cache/tocsin-compiled';
const cannotBeReached = 3;
const wrongUsage = 2;

/** Ctrl-C reaches us from the terminal and from npm within milliseconds: one wish, forwarded once. */
const sameSignalForMs = 500;

const lookForParentEveryMs = 500;

process.exitCode = await main(process.argv.slice(2));

/** @param {readonly string[]} argv */
async function main([name = '', ...args]) {
  const target = targets[name];
  if (target === undefined) {
    process.stderr.write(`tocsin: no target ${name}; known: ${Object.keys(targets).join(', ')}\n`);
    return wrongUsage;
  }
  try {
    await ensureDependencies(root);
    const node = await ensureNode(root);
    const env = environment(node);
    if (target.needsNatsServer(args, env)) {
      env['TOCSIN_NATS_SERVER'] = await ensureNatsServer(root, env);
    }
    if (target.needsBrowser) env['TOCSIN_CHROMIUM'] = await ensureChromium(root, env);
    return await run(node, target.command(args), { env, ...(target.inRoot ? { cwd: root } : {}) });
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    const output = error.output === '' ? '' : `${error.output}\n`;
    process.stderr.write(`${output}tocsin: ${error.message} ${error.hint}\n`);
    return cannotBeReached;
  }
}

/**
 * What children of the target find: this Node before the machine's, none of its remarks that node:sqlite
 * or type stripping is new, and what was compiled last time, which takes half of a short call.
 *
 * @param {string} node
 * @returns {NodeJS.ProcessEnv}
 */
function environment(node) {
  const noRemarks = '--disable-warning=ExperimentalWarning';
  const options = process.env['NODE_OPTIONS'] ?? '';
  return {
    ...process.env,
    PATH: [dirname(node), process.env['PATH']].filter(Boolean).join(delimiter),
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(root, compileCache),
    NODE_OPTIONS: options.includes(noRemarks) ? options : `${options} ${noRemarks}`.trim(),
  };
}

/**
 * @param {string} node
 * @param {readonly string[]} args the first is a file of the checkout
 * @param {{ env: NodeJS.ProcessEnv, cwd?: string }} options
 * @returns {Promise<number>} the exit code
 */
function run(node, [file = '', ...args], options) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, [join(root, file), ...args], { ...options, stdio: 'inherit' });
    stopWithNpm(child);
    let last = { signal: '', at: 0 };
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
      process.on(signal, () => {
        const now = Date.now();
        if (last.signal === signal && now - last.at < sameSignalForMs) return;
        last = { signal, at: now };
        child.kill(signal);
      });
    }
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      resolve(signal === null ? (code ?? 0) : 128 + constants.signals[signal]);
    });
  });
}

/**
 * A killed npm, or the shell that it puts between itself and us, takes nobody along; what it started
 * would run on unseen and hold the files that the next start needs.
 *
 * @param {import('node:child_process').ChildProcess} child
 */
function stopWithNpm(child) {
  const parent = process.ppid;
  if (process.env['npm_command'] === undefined) return;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, lookForParentEveryMs);
  watch.unref();
}

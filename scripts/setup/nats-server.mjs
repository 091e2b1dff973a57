// Finds nats-server, or has the system's package manager install it: as root and in CI without asking,
// at a terminal after asking. What was not there before does not run as a service afterwards.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { alone } from './lock.mjs';
import { SetupError, progress, quietly } from './step.mjs';

/** Debian puts servers into sbin, which is often not in a user's PATH. */
const usualFolders = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];

/** Marks a policy file as ours, so that one left behind by a killed run is known for what it is. */
const policyMark = 'tocsin: nothing starts while nats-server is being installed';

const aptScript = `
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ] || grep -q '${policyMark}' "$policy"; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\\n# ${policyMark}\\nexit 101\\n' >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=120 update
apt-get -qq -y -o DPkg::Lock::Timeout=120 --no-install-recommends install nats-server
if command -v systemctl >/dev/null; then systemctl --quiet disable nats-server 2>/dev/null || true; fi
`;

/** @type {readonly { program: string, command: readonly [string, ...string[]], asRoot: boolean }[]} */
export const packageManagers = [
  { program: 'apt-get', command: ['sh', '-c', aptScript], asRoot: true },
  { program: 'apk', command: ['apk', 'add', '--quiet', 'nats-server'], asRoot: true },
  { program: 'brew', command: ['brew', 'install', '--quiet', 'nats-server'], asRoot: false },
];

const installYourself =
  'Install nats-server 2.9.10 or newer (Debian, Ubuntu: apt install nats-server; macOS: brew install ' +
  'nats-server; else https://docs.nats.io/running-a-nats-service/introduction/installation), or set ' +
  'TOCSIN_NATS_SERVER to its path.';

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined} the path of nats-server
 */
export function findNatsServer(env, folders = usualFolders) {
  const named = env['TOCSIN_NATS_SERVER'];
  if (named !== undefined && named !== '') {
    if (isProgram(named)) return named;
    throw new SetupError(`TOCSIN_NATS_SERVER names no program: ${named}`, {
      hint: 'Correct it, or unset it to have nats-server looked for.',
    });
  }
  return findProgram('nats-server', env, folders);
}

/** @returns {Promise<string>} the path of nats-server */
export async function ensureNatsServer(/** @type {string} */ root, env = process.env) {
  const found = findNatsServer(env);
  if (found !== undefined) return found;
  return alone(join(root, '.node'), async () => {
    const meanwhile = findNatsServer(env);
    if (meanwhile !== undefined) return meanwhile;
    await install(env);
    const installed = findNatsServer(env);
    if (installed === undefined) throw missing();
    return installed;
  });
}

/** @param {NodeJS.ProcessEnv} env */
async function install(env) {
  const manager = packageManagers.find(({ program }) => findProgram(program, env, usualFolders));
  if (manager === undefined) throw missing();
  const isRoot = process.getuid?.() === 0;
  const prefix = !manager.asRoot || isRoot ? [] : isCi(env) ? ['sudo', '-n'] : ['sudo'];
  if (!isRoot && !isCi(env) && !(await agreed(manager.program))) throw missing();
  progress(`installing nats-server (${manager.program}) …`);
  const [program, ...args] = [...prefix, ...manager.command];
  quietly([program ?? '', ...args], { what: 'Installing nats-server', hint: installYourself });
}

/** @param {string} program */
async function agreed(program) {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(
      `tocsin: nats-server is needed and not there. Install it with ${program}? [y/N] `,
    );
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

function missing() {
  return new SetupError('nats-server is needed and not there.', { hint: installYourself });
}

/** @param {NodeJS.ProcessEnv} env */
function isCi(env) {
  return env['CI'] !== undefined && !['', '0', 'false'].includes(env['CI']);
}

/**
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly string[]} folders looked at after PATH
 */
function findProgram(name, env, folders) {
  const path = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...path, ...folders].map((folder) => join(folder, name)).find(isProgram);
}

/** @param {string} file */
function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    // Not there, or not ours to run: look on.
    return false;
  }
}

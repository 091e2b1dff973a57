// Finds nats-server, or has it installed. What was not there before does not run as a service afterwards.
import { ensureProgram, findProgram } from './program.mjs';

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

/** @type {import('./program.mjs').Program} */
const natsServer = {
  title: 'nats-server',
  names: ['nats-server'],
  variable: 'TOCSIN_NATS_SERVER',
  folders: usualFolders,
  packageManagers,
  installYourself,
};

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined} the path of nats-server
 */
export function findNatsServer(env, folders = usualFolders) {
  return findProgram({ ...natsServer, folders }, env);
}

/** @returns {Promise<string>} the path of nats-server */
export async function ensureNatsServer(/** @type {string} */ root, env = process.env) {
  return ensureProgram(root, natsServer, env);
}

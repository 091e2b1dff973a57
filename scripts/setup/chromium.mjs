// Finds the browser of the console's tests, or has it installed.
import { ensureProgram, findProgram } from './program.mjs';

const aptScript = `
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=120 update
apt-get -qq -y -o DPkg::Lock::Timeout=120 --no-install-recommends install chromium
`;

/** @type {import('./program.mjs').Program} */
const chromium = {
  title: 'Chromium',
  names: ['chromium', 'chromium-browser', 'google-chrome'],
  variable: 'TOCSIN_CHROMIUM',
  folders: ['/usr/bin', '/usr/local/bin', '/Applications/Google Chrome.app/Contents/MacOS'],
  packageManagers: [
    { program: 'apt-get', command: ['sh', '-c', aptScript], asRoot: true },
    { program: 'apk', command: ['apk', 'add', '--quiet', 'chromium'], asRoot: true },
    { program: 'brew', command: ['brew', 'install', '--quiet', 'chromium'], asRoot: false },
  ],
  installYourself:
    'Install Chromium (Debian: apt install chromium), or set TOCSIN_CHROMIUM to the path of a Chromium or Chrome.',
};

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined} the path of the browser
 */
export function findChromium(env) {
  return findProgram(chromium, env);
}

/** @returns {Promise<string>} the path of the browser */
export async function ensureChromium(/** @type {string} */ root, env = process.env) {
  return ensureProgram(root, chromium, env);
}

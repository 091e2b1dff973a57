// Two commands started at once must not install over each other. The lock is a folder, because mkdir
// is atomic everywhere; it names its owner, so that a killed owner's lock can be taken over.
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { progress } from './step.mjs';

const pollEveryMs = 200;
/** Between mkdir and writing the owner's id a lock is nameless; after this it is an abandoned one. */
const namelessForMs = 5_000;

/**
 * Runs `work` while no other process of this checkout does.
 *
 * @template T
 * @param {string} folder an ignored folder of the checkout
 * @param {() => T | Promise<T>} work
 * @returns {Promise<T>}
 */
export async function alone(folder, work) {
  const lock = join(folder, 'setup.lock');
  mkdirSync(folder, { recursive: true });
  let told = false;
  while (!acquire(lock)) {
    if (isAbandoned(lock)) {
      takeAway(lock);
      continue;
    }
    if (!told) progress('waiting for another set-up in this folder …');
    told = true;
    await delay(pollEveryMs);
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** @param {string} lock */
function acquire(lock) {
  try {
    mkdirSync(lock);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
  writeFileSync(join(lock, 'pid'), String(process.pid));
  return true;
}

/** @param {string} lock */
function isAbandoned(lock) {
  const owner = readOwner(lock);
  if (owner !== undefined) return !isAlive(owner);
  const made = statSync(lock, { throwIfNoEntry: false });
  return made !== undefined && Date.now() - made.mtimeMs > namelessForMs;
}

/**
 * Renames the lock before it is removed: of several processes that saw it abandoned only one succeeds.
 *
 * @param {string} lock
 */
function takeAway(lock) {
  const aside = `${lock}.${String(process.pid)}`;
  try {
    renameSync(lock, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  rmSync(aside, { recursive: true, force: true });
}

/** @param {string} lock */
function readOwner(lock) {
  try {
    const pid = Number(readFileSync(join(lock, 'pid'), 'utf8'));
    return pid > 0 ? pid : undefined;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 */
function hasCode(error, code) {
  return error instanceof Error && 'code' in error && error.code === code;
}

// package.json and package-lock.json, as far as the checks of the package look at them.
import { readFileSync } from 'node:fs';

/**
 * @typedef {object} Package
 * @property {string} name
 * @property {Record<string, string | { types: string, default: string }>} exports
 */

/**
 * @typedef {object} LockedPackage
 * @property {string} version
 * @property {boolean} [dev]
 * @property {boolean} [devOptional]
 */

/** @returns {Package} */
export function readPackage() {
  return /** @type {Package} */ (JSON.parse(readFileSync('package.json', 'utf8')));
}

/** @returns {{ packages: Record<string, LockedPackage> }} */
export function readLock() {
  return /** @type {{ packages: Record<string, LockedPackage> }} */ (
    JSON.parse(readFileSync('package-lock.json', 'utf8'))
  );
}

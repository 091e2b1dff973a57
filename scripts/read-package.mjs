// package.json, as far as the checks of the package look at it.
import { readFileSync } from 'node:fs';

/**
 * @typedef {object} Package
 * @property {string} name
 * @property {Record<string, string | { types: string, default: string }>} exports
 */

/** @returns {Package} */
export function readPackage() {
  return /** @type {Package} */ (JSON.parse(readFileSync('package.json', 'utf8')));
}

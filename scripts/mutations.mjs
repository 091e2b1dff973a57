// `npm run mutations`: breaks one rule after another in a copy of the checkout, and says which test
// noticed. The exit code is the number of those that none did.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mutations } from './mutations/list.mjs';
import { mutated } from './mutations/mutate.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const copied = [
  'src',
  'test',
  'examples',
  'docs',
  'bin',
  'package.json',
  'vitest.config.ts',
  'tsconfig.json',
];
const wanted = process.argv.slice(2).map(Number);

const copy = mkdtempSync(join(tmpdir(), 'tocsin-mutations-'));
try {
  for (const name of copied) cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  let survivors = 0;
  for (const [index, mutation] of mutations.entries()) {
    if (wanted.length > 0 && !wanted.includes(index + 1)) continue;
    const noticed = noticedBy(mutation);
    if (noticed === undefined) survivors += 1;
    console.log(`${noticed === undefined ? 'SURVIVED' : 'caught  '} ${index + 1} ${mutation.rule}`);
    if (noticed !== undefined) console.log(`           by ${noticed}`);
  }
  process.exitCode = survivors;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

/**
 * The first test that fails on a broken rule.
 *
 * @param {import('./mutations/list.mjs').Mutation} mutation
 */
function noticedBy(mutation) {
  const file = join(copy, mutation.file);
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, mutated(text, mutation));
  try {
    for (const test of mutation.tests) {
      const failed = firstFailure(test);
      if (failed !== undefined) return `${test}: ${failed}`;
    }
    return undefined;
  } finally {
    writeFileSync(file, text);
  }
}

/**
 * @typedef {{ status: string, fullName: string }} Assertion
 * @typedef {{ status: string, message: string, assertionResults: Assertion[] }} Suite
 */

/**
 * @param {string} test
 * @returns {string | undefined}
 */
function firstFailure(test) {
  const vitest = join(copy, 'node_modules/vitest/vitest.mjs');
  const file = join(copy, 'report.json');
  rmSync(file, { force: true });
  const how = ['--bail=1', '--reporter=json', `--outputFile=${file}`, '--testTimeout=60000'];
  const options = { cwd: copy, encoding: /** @type {const} */ ('utf8') };
  const { stderr } = spawnSync(process.execPath, [vitest, 'run', ...how, test], options);
  if (!existsSync(file)) throw new Error(`vitest said nothing about ${test}: ${stderr}`);
  /** @type {unknown} */
  const parsed = JSON.parse(readFileSync(file, 'utf8'));
  const report = /** @type {{ testResults: Suite[] }} */ (parsed);
  for (const { assertionResults, status, message } of report.testResults) {
    const failed = assertionResults.find((assertion) => assertion.status === 'failed');
    if (failed !== undefined) return failed.fullName;
    if (status === 'failed') throw new Error(`${test} did not run: ${message}`);
  }
  return undefined;
}

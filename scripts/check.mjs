// `npm run check [-- STEP ...]`: everything that CI holds besides the tests, one line for each step, and
// the output of those that fail. The exit code is the number of failed steps. The steps run in three lanes beside each
// other: the linter, which takes as long as all of the second, and what is built, which waits for servers.
import { execFile } from 'node:child_process';
import { performance } from 'node:perf_hooks';

const bin = 'node_modules/';

/** @type {Readonly<Record<string, readonly string[]>>} */
const steps = {
  types: [`${bin}typescript/bin/tsc`, '--noEmit'],
  'browser-types': [`${bin}typescript/bin/tsc`, '--noEmit', '-p', 'src/console/client'],
  lint: [`${bin}eslint/bin/eslint.js`, '--max-warnings=0', '.'],
  format: [`${bin}prettier/bin/prettier.cjs`, '--check', '--log-level=warn', '.'],
  boundaries: [
    `${bin}dependency-cruiser/bin/dependency-cruiser.mjs`,
    '--config=.dependency-cruiser.mjs',
    'src',
  ],
  folders: ['scripts/check-folders.mjs'],
  unused: [`${bin}knip/bin/knip.js`, '--no-progress'],
  build: ['scripts/build.mjs'],
  // The three look at what `build` made.
  package: ['scripts/check-package.mjs'],
  installed: ['scripts/check-installed.mjs'],
  api: ['scripts/api-report.mjs'],
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => steps[name] === undefined);
if (unknown.length > 0) {
  console.error(`no step ${unknown.join(', ')}; known: ${Object.keys(steps).join(', ')}`);
  process.exitCode = Object.keys(steps).length;
} else {
  const chosen = Object.keys(steps).filter((name) => wanted.length === 0 || wanted.includes(name));
  const ofBuild = ['build', 'package', 'installed', 'api'];
  const laneOf = (/** @type {string} */ name) =>
    name === 'lint' ? 0 : ofBuild.includes(name) ? 2 : 1;
  const lanes = [0, 1, 2].map((lane) => failures(chosen.filter((name) => laneOf(name) === lane)));
  const failed = await Promise.all(lanes);
  process.exitCode = failed.reduce((sum, one) => sum + one, 0);
}

/**
 * @param {readonly string[]} names run one after the other
 * @returns {Promise<number>} how many failed
 */
async function failures(names) {
  let failed = 0;
  for (const name of names) if (!(await passes(name, steps[name] ?? []))) failed += 1;
  return failed;
}

/**
 * @param {string} name
 * @param {readonly string[]} command
 * @returns {Promise<boolean>}
 */
function passes(name, command) {
  const begun = performance.now();
  const options = { encoding: /** @type {const} */ ('utf8'), maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve) => {
    execFile(process.execPath, command, options, (error, stdout, stderr) => {
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      console.log(`${error === null ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
      if (error !== null) console.log(`${stdout}${stderr}`.trimEnd() || error.message);
      resolve(error === null);
    });
  });
}

// `npm run check [-- STEP ...]`: everything that CI holds besides the tests, one line for each step, and
// the output of those that fail. The exit code is the number of failed steps.
import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';

const bin = 'node_modules/';

/** @type {Readonly<Record<string, readonly string[]>>} */
const steps = {
  types: [`${bin}typescript/bin/tsc`, '--noEmit'],
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
  // The two look at what `build` made.
  package: ['scripts/check-package.mjs'],
  api: ['scripts/api-report.mjs'],
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => steps[name] === undefined);
if (unknown.length > 0) {
  console.error(`no step ${unknown.join(', ')}; known: ${Object.keys(steps).join(', ')}`);
  process.exitCode = Object.keys(steps).length;
} else {
  process.exitCode = Object.entries(steps)
    .filter(([name]) => wanted.length === 0 || wanted.includes(name))
    .filter(([name, command]) => !passes(name, command)).length;
}

/**
 * @param {string} name
 * @param {readonly string[]} command
 */
function passes(name, command) {
  const begun = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  if (status !== 0) console.log(`${stdout}${stderr}`.trimEnd());
  return status === 0;
}

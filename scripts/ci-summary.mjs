// `ci-summary.mjs FAILED_CHECKS REPORT...`: prints `N passed, N failed` from vitest's JSON reports and the
// failed steps of `npm run check`. A skipped test is a failed one, because CI installs all that a test
// can need; except where its name says which of the variables below it needs, and CI has not got that.
// No report, or one without tests, is a failure too: a run that tested nothing must not look like one
// that found nothing.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @typedef {{ fullName: string, status: string }} Test */
/** @typedef {{ status: string, message: string, name: string, assertionResults: Test[] }} TestFile */
/** @typedef {{ testResults: TestFile[] }} Report */

/** What no registry has: a server of EventStoreDB's, and a recorded data set. */
const notInstallable = ['TOCSIN_TEST_ESDB', 'TOCSIN_TEST_DATA'];

/**
 * @param {Report} report
 * @param {NodeJS.ProcessEnv} env
 * @returns {{ passed: number, failures: string[] }}
 */
export function summarise({ testResults }, env) {
  const tests = testResults.flatMap((file) => file.assertionResults);
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const failures = tests
    .filter(({ status, fullName }) => status !== 'passed' && !isAllowedSkip(status, fullName, env))
    .map(({ status, fullName }) => `${status}: ${fullName}`);
  // A file that broke before its first test has no failed test to count.
  const broken = testResults
    .filter(
      ({ status, assertionResults }) => status === 'failed' && assertionResults.every(isPassed),
    )
    .map(({ name, message }) => `broken: ${name}: ${message}`);
  const all = [...failures, ...broken];
  return { passed, failures: passed + all.length === 0 ? ['no test was run'] : all };
}

/**
 * @param {string} status
 * @param {string} fullName
 * @param {NodeJS.ProcessEnv} env
 */
function isAllowedSkip(status, fullName, env) {
  const isMissing = (/** @type {string} */ name) =>
    !env[name] && fullName.includes(`[needs ${name}]`);
  return status !== 'failed' && notInstallable.some(isMissing);
}

/** @param {Test} test */
function isPassed({ status }) {
  return status === 'passed';
}

/** @param {string} file */
function summariseFile(file) {
  try {
    return summarise(/** @type {Report} */ (JSON.parse(readFileSync(file, 'utf8'))), process.env);
  } catch (error) {
    return { passed: 0, failures: [`no report of the tests: ${String(error)}`] };
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [failedChecks = '', ...reports] = process.argv.slice(2);
  const summaries = reports.map(summariseFile);
  const failures = summaries.flatMap((summary) => summary.failures);
  for (const failure of failures) console.log(failure);
  const passed = summaries.reduce((sum, summary) => sum + summary.passed, 0);
  const failed = failures.length + Number(failedChecks);
  console.log(`${String(passed)} passed, ${String(failed)} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

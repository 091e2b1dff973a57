// `npm run acceptance`: runs every test that is named `acceptance N: …` and writes docs/acceptance.md:
// number, case, result. Cases without a test are listed as not there yet.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acceptanceFiles, documentOf } from './acceptance/document.mjs';

const directory = mkdtempSync(join(tmpdir(), 'tocsin-acceptance-run-'));
const report = join(directory, 'report.json');
const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...acceptanceFiles()];
const { status } = spawnSync(
  process.execPath,
  [...vitest, '-t', String.raw`acceptance \d+:`, '--reporter=json', `--outputFile=${report}`],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
/** @typedef {{ testResults: { assertionResults: { title: string, status: string }[] }[] }} Report */
const parse = /** @type {(text: string) => Report} */ (JSON.parse);
const { testResults } = parse(readFileSync(report, 'utf8'));
rmSync(directory, { recursive: true });
const results = testResults.flatMap(({ assertionResults }) => assertionResults);
writeFileSync('docs/acceptance.md', documentOf(results));
process.exitCode = status ?? 1;

// Makes the text of docs/acceptance.md, and reads the names of the tests to compare it with.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cases, replaced } from './cases.mjs';

const NAME = /^acceptance (\d+): (.+)$/;

/** Test files that hold at least one acceptance test. @returns {string[]} */
export function acceptanceFiles() {
  return readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join('test', file))
    .filter((file) => namesIn(readFileSync(file, 'utf8')).length > 0)
    .sort();
}

/**
 * The acceptance tests' names in a source text; those of parameterised tests with `%s` and the like.
 *
 * @param {string} source
 * @returns {string[]}
 */
export function namesIn(source) {
  const names = source.matchAll(/(['"`])(acceptance \d+: (?:(?!\1).)+)\1/g);
  return Array.from(names, (match) => match[2] ?? '');
}

/**
 * One line for each case: its number, its case, and how its tests ended.
 *
 * @param {readonly { title: string, status: string }[]} results
 * @returns {string}
 */
export function documentOf(results) {
  /** @type {Map<number, Map<string, string[]>>} */
  const found = new Map();
  for (const { title, status } of results) {
    const match = NAME.exec(title);
    if (match === null || status === 'skipped' || status === 'pending') continue;
    const number = Number(match[1]);
    /** @type {Map<string, string[]>} */
    const names = found.get(number) ?? new Map();
    const name = match[2] ?? '';
    names.set(name, [...(names.get(name) ?? []), status]);
    found.set(number, names);
  }
  const rows = [...cases].flatMap(([number, about]) => {
    const names = found.get(number);
    if (names === undefined) {
      return [row(number, replaced.get(number) ?? about, replaced.has(number) ? '-' : 'not yet')];
    }
    return [...names].sort().map(([name, statuses]) => row(number, name, outcome(statuses)));
  });
  return `# Acceptance

The acceptance cases of the product: each case is a test with that number and name, and most of them run on
both event stores. \`npm run acceptance\` writes this file; a test compares its numbers and names with the tests.

| number | case | result |
| ------ | ---- | ------ |
${rows.join('\n')}
`;
}

/** @param {readonly string[]} statuses */
function outcome(statuses) {
  const failed = statuses.filter((status) => status !== 'passed').length;
  if (failed > 0) return `${failed} of ${statuses.length} failed`;
  return statuses.length === 1 ? 'passed' : `passed (${statuses.length} ways)`;
}

/**
 * @param {number} number
 * @param {string} name
 * @param {string} result
 */
function row(number, name, result) {
  return `| ${number} | ${name} | ${result} |`;
}

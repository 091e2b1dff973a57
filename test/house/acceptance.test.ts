// docs/acceptance.md says which cases there are, and that they passed: it must be of these tests.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { acceptanceFiles, namesIn } from '../../scripts/acceptance/document.mjs';

/** `acceptance N: name` of every row that is about a test. */
function rowsOf(text: string): string[] {
  return [...text.matchAll(/^\| (\d+) \| (.+) \| (?:passed|\d+ of).*\|$/gm)].map(
    ([, number = '', name = '']) => `acceptance ${number}: ${name}`,
  );
}

/** A name as a pattern: what a parameterised test puts in may be anything. */
function patternOf(name: string): RegExp {
  const parts = name.split(/%[sdifjo]/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}

test('docs/acceptance.md has the numbers and names of the acceptance tests (npm run acceptance)', () => {
  const names = acceptanceFiles().flatMap((file) => namesIn(readFileSync(file, 'utf8')));
  const written = readFileSync('docs/acceptance.md', 'utf8');
  const rows = rowsOf(written);
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !rows.some((row) => patternOf(name).test(row)))).toEqual([]);
  expect(rows.filter((row) => !names.some((name) => patternOf(name).test(row)))).toEqual([]);
  expect(written).not.toMatch(/failed \|/);
});

// docs/acceptance.md says which cases there are, and that they passed: it must be of these tests.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { acceptanceFiles, documentOf, namesIn } from '../../scripts/acceptance/document.mjs';

const rowsOf = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => /^\| +\d+ /.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, 3)
        .map((cell) => cell.trim())
        .join(' '),
    );

test('docs/acceptance.md has the numbers and names of the acceptance tests (npm run acceptance)', () => {
  const names = acceptanceFiles().flatMap((file) => namesIn(readFileSync(file, 'utf8')));
  expect(names.length).toBeGreaterThan(20);
  const expected = documentOf(names.map((title) => ({ title, status: 'passed' })));
  const written = readFileSync('docs/acceptance.md', 'utf8');
  expect(rowsOf(written)).toEqual(rowsOf(expected));
  expect(written).not.toMatch(/failed \|/);
});

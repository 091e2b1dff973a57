// Checks that README.md, ARCHITECTURE.md and the documents name only files and folders that exist.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

/** Paths from the root of the repository, in code or in a diagram. */
const PATHS = /(?<![\w/.-])(?:src|test|bench|scripts|examples|deploy|docs)\/[\w./-]*\w\/?/g;

const named = ['README.md', 'ARCHITECTURE.md'].flatMap((document) =>
  [...new Set(readFileSync(document, 'utf8').match(PATHS))].map(
    (path) => [document, path] as const,
  ),
);

const linked = [
  'README.md',
  'ARCHITECTURE.md',
  'bench/README.md',
  ...globSync('docs/*.md'),
].flatMap((document) =>
  [...readFileSync(document, 'utf8').matchAll(/\]\(((?!https?:|#)[^)#]+)/g)].map(
    ([, target = '']) => [document, normalize(join(dirname(document), target))] as const,
  ),
);

test('ARCHITECTURE.md names many files', () => {
  expect(named.filter(([document]) => document === 'ARCHITECTURE.md').length).toBeGreaterThan(40);
});

test.each(named)('%s names a path that exists: %s', (_document, path) => {
  expect(existsSync(path)).toBe(true);
});

test.each(linked)('%s links a path that exists: %s', (_document, path) => {
  expect(existsSync(path)).toBe(true);
});

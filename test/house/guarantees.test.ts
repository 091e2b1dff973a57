// No promise without a test: each one of docs/guarantees.md names tests, each fault too, and each named
// test is there.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const text = readFileSync('docs/guarantees.md', 'utf8');
const promises = (/## Promises\n(.*?)\n## /s.exec(text)?.[1] ?? '').split(/^- /m).slice(1);
const faults = (/## What can be wrong\n(.*?)\n## /s.exec(text)?.[1] ?? '')
  .split('\n')
  .filter((line) => /^\| (?!fault |-)/.test(line));
const references = [...text.matchAll(/\]\(\.\.\/(test\/[^)]+)\) “([^”]+)”/g)];

describe('every promise', () => {
  test('is one of more than ten, with more tests than promises', () => {
    expect(promises.length).toBeGreaterThan(10);
    expect(references.length).toBeGreaterThan(promises.length);
  });

  test.each(promises.map((promise) => [promise.split('\n')[0] ?? '', promise] as const))(
    'names its tests: %s',
    (_first, promise) => {
      expect(promise).toMatch(/\]\(\.\.\/test\/[^)]+\) “/);
    },
  );
});

describe('every fault', () => {
  test('is one of more than twenty', () => {
    expect(faults.length).toBeGreaterThan(20);
  });

  test.each(faults.map((row) => row.split('|').map((cell) => cell.trim())))(
    'says what is seen, what to do, and its tests: %s%s',
    (_start, _what, seen, cure, tests) => {
      expect([seen, cure]).not.toContain('');
      expect(tests).toMatch(/^(?:(?:; )?\[(test\/[^\]]+)\]\(\.\.\/\1\) “[^”]+”)+$/);
    },
  );
});

describe('every test that is named', () => {
  test.each(references.map(([, file = '', name = '']) => [file, name] as const))(
    'is there: %s “%s”',
    (file, name) => {
      expect(existsSync(file)).toBe(true);
      expect(readFileSync(file, 'utf8')).toContain(name);
    },
  );
});

// Checks docs/glossary.md: each term is there, and no explanation is longer than two sentences.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const TERMS = [
  'trigger',
  'evaluation',
  'offer',
  'preview',
  'request',
  'verdict',
  'window',
  'dedupe key',
  'release',
  'sent notification',
  'policy',
  'ruleset',
  'revision',
  'position',
  'sequence',
  'ordinal',
  'checkpoint',
  'epoch',
  'fence',
  'output record',
  'partition',
  'standby',
  'parked event',
  'channel',
  'attempt',
  'lease',
  'outcome unknown',
  'redrive',
  'seal',
  'forget',
  'leaf',
  'tree head',
];

const rows = [...readFileSync('docs/glossary.md', 'utf8').matchAll(/^\| (.+?) +\| (.+?) +\|$/gm)]
  .map(([, term = '', meaning = '']) => [term, meaning] as const)
  .filter(([term]) => term !== 'term' && !term.startsWith('-'));

test('docs/glossary.md explains each term once, and no other', () => {
  expect(rows.map(([term]) => term).toSorted()).toEqual(TERMS.toSorted());
});

test.each(rows)('docs/glossary.md explains %s in one or two sentences', (_term, meaning) => {
  const sentences = meaning.match(/[.!?](?= [A-Z`]|$)/g) ?? [];
  expect(meaning).toMatch(/\.$/);
  expect(sentences.length).toBeGreaterThanOrEqual(1);
  expect(sentences.length).toBeLessThanOrEqual(2);
});

test('README.md links docs/glossary.md', () => {
  expect(readFileSync('README.md', 'utf8')).toContain('](docs/glossary.md)');
});

// Checks docs/operating.md: its refusals and settings are those of the code.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SETTINGS, variableOf } from '../../src/cli/config/settings.ts';

const root = join(import.meta.dirname, '..', '..');
const document = readFileSync(join(root, 'docs/operating.md'), 'utf8');

function textOf(section: string): string {
  return document.split(`\n## ${section}\n`)[1]?.split('\n## ')[0] ?? '';
}

/** The first column of a section's table. */
function rowsOf(section: string): readonly string[] {
  return [...textOf(section).matchAll(/^\| `([\w-]+)` /gm)].map(([, name = '']) => name);
}

/** The sources with refusals of the daemon and of `tocsin start`. */
const places = [
  'src/domain/control',
  'src/projections/archive',
  'src/projections/dedupe',
  'src/projections/publisher',
  'src/adapters/nats',
  'src/adapters/eventstore/embedded',
  'src/kernel/decider/decider.ts',
  'src/adapters/sqlite/file-lock.ts',
  'src/domain/ports/hidden-stream.ts',
  'src/adapters/sqlite/open.ts',
  'src/adapters/sqlite/read-model.ts',
  'src/adapters/sqlite/read-model-format.ts',
  'src/projections/notary',
  'src/adapters/sqlite/notary-state.ts',
];

function sourcesOf(place: string): readonly string[] {
  const files = place.endsWith('.ts')
    ? [place]
    : readdirSync(join(root, place)).map((name) => `${place}/${name}`);
  return files.map((file) => readFileSync(join(root, file), 'utf8'));
}

test('docs/operating.md names exactly the refusals of the daemon', () => {
  const code = /(?:(?<!outcome: )'refused',\s*|refusal\(\s*|IN_USE = |inUse: )'(\w+)'/g;
  const inCode = places
    .flatMap(sourcesOf)
    .flatMap((text) => [...text.matchAll(code)].map(([, name = '']) => name));
  expect([...new Set(inCode)].toSorted()).toEqual(rowsOf('Refusals').toSorted());
  expect(inCode.length).toBeGreaterThan(15);
});

test('docs/operating.md names the checks of doctor, with the codes of their own', () => {
  const commands = 'src/cli/commands';
  const sources = readdirSync(join(root, commands))
    .filter((name) => name.startsWith('doctor'))
    .map((name) => readFileSync(join(root, commands, name), 'utf8'));
  const found = (pattern: RegExp): readonly string[] =>
    sources.flatMap((text) => [...text.matchAll(pattern)].map(([, name = '']) => name));
  const names = found(/(?:\b(?:checked|ok|fault|warning)\(|const name = )'([\w-]+)'/g);
  expect([...new Set(names)].toSorted()).toEqual(rowsOf('Doctor').toSorted());
  const codes = found(/(?:\b(?:fault|warning|weigh)\((?:name|'[\w-]+'), |code: )'(\w+)'/g);
  expect(codes.length).toBeGreaterThan(10);
  for (const code of codes) expect(textOf('Doctor')).toContain(`\`${code}\``);
});

test('docs/runbook.md names checks of doctor', () => {
  const runbook = readFileSync(join(root, 'docs/runbook.md'), 'utf8');
  const checks = new Set(rowsOf('Doctor'));
  const named = runbook
    .split(/\bDoctor: /)
    .slice(1)
    .map((text) => /^.*?(?:\.\s|;|\()/s.exec(text)?.[0] ?? '')
    .flatMap((text) => [...text.matchAll(/`([a-z-]+)`/g)].map(([, name = '']) => name));
  expect(named.length).toBeGreaterThan(10);
  for (const name of named) expect(checks).toContain(name);
});

test('docs/operating.md names the variable of each setting', () => {
  const names = document.replaceAll('`_CERT`, `_KEY`', '`TOCSIN_NATS_CERT`, `TOCSIN_NATS_KEY`');
  const daemons = Object.keys(SETTINGS).filter((name) => name !== 'source');
  for (const name of daemons) expect(names).toContain(`\`${variableOf(name)}\``);
});

// Checks docs/operating.md: its refusals and settings are those of the code.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SETTINGS, variableOf } from '../../src/cli/config/settings.ts';

const root = join(import.meta.dirname, '..', '..');
const document = readFileSync(join(root, 'docs/operating.md'), 'utf8');

/** The first column of a section's table. */
function rowsOf(section: string): readonly string[] {
  const text = document.split(`\n## ${section}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...text.matchAll(/^\| `(\w+)` /gm)].map(([, name = '']) => name);
}

/** The sources with refusals of the daemon and of `tocsin start`. */
const places = [
  'src/domain/control',
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

test('docs/operating.md names the variable of each setting', () => {
  const names = document.replaceAll('`_CERT`, `_KEY`', '`TOCSIN_NATS_CERT`, `TOCSIN_NATS_KEY`');
  const daemons = Object.keys(SETTINGS).filter((name) => name !== 'source');
  for (const name of daemons) expect(names).toContain(`\`${variableOf(name)}\``);
});

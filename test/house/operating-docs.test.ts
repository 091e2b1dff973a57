// docs/operating.md, kept true: its metrics are the daemon's, and its refusals are the code's.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { METRICS } from '../../src/adapters/telemetry/names.ts';
import { SETTINGS } from '../../src/cli/config/settings.ts';

const root = join(import.meta.dirname, '..', '..');
const document = readFileSync(join(root, 'docs/operating.md'), 'utf8');

/** The first column of a section's table. */
function rowsOf(section: string): readonly string[] {
  const text = document.split(`\n## ${section}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...text.matchAll(/^\| `(\w+)` /gm)].map(([, name = '']) => name);
}

/** Where the daemon, and `start` around it, may refuse. */
const places = [
  'src/projections/dedupe',
  'src/projections/publisher',
  'src/adapters/nats',
  'src/adapters/eventstore/embedded',
  'src/adapters/sqlite/file-lock.ts',
  'src/adapters/sqlite/open.ts',
  'src/adapters/sqlite/read-model-commit.ts',
  'src/adapters/sqlite/read-model-errors.ts',
];

function sourcesOf(place: string): readonly string[] {
  const files = place.endsWith('.ts')
    ? [place]
    : readdirSync(join(root, place)).map((name) => `${place}/${name}`);
  return files.map((file) => readFileSync(join(root, file), 'utf8'));
}

test('names every metric as it is exported, and no other', () => {
  const exported = Object.entries(METRICS).map(([name, [kind]]) =>
    kind === 'counter' ? `${name}_total` : name,
  );
  expect(rowsOf('Metrics')).toEqual(exported);
});

test('names every refusal, and no other', () => {
  const code = /(?:(?<!outcome: )'refused',\s*|refusal\(\s*|IN_USE = )'(\w+)'/g;
  const inCode = places
    .flatMap(sourcesOf)
    .flatMap((text) => [...text.matchAll(code)].map(([, name = '']) => name));
  expect([...new Set(inCode)].toSorted()).toEqual(rowsOf('Refusals').toSorted());
  expect(inCode.length).toBeGreaterThan(15);
});

test('names every setting’s variable', () => {
  const names = document.replaceAll('`_CERT`, `_KEY`', '`TOCSIN_NATS_CERT`, `TOCSIN_NATS_KEY`');
  const daemons = Object.entries(SETTINGS).filter(([name]) => name !== 'source');
  for (const [, [variable]] of daemons) expect(names).toContain(`\`${variable}\``);
});

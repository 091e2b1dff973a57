// The packages that an installation brings: docs/security.md lists them by licence, and one has an install script.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';

const Lock = z.object({
  packages: z.record(
    z.string(),
    z.object({
      dev: z.boolean().optional(),
      optional: z.boolean().optional(),
      peer: z.boolean().optional(),
      license: z.string().optional(),
      hasInstallScript: z.boolean().optional(),
    }),
  ),
});

const { packages } = Lock.parse(JSON.parse(readFileSync('package-lock.json', 'utf8')));
const installed = Object.entries(packages)
  .filter(([path, { dev, peer }]) => path !== '' && dev !== true && peer !== true)
  .map(([path, facts]) => ({ ...facts, name: path.slice(path.lastIndexOf('node_modules/') + 13) }));

/** Licences under which a product of any kind may ship the packages. */
const PERMISSIVE = [
  '(BSD-3-Clause AND Apache-2.0)',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'MPL-2.0',
  'Unlicense',
];

test('docs/security.md lists every installed package under its licence', () => {
  const byLicence = Map.groupBy(installed, ({ license = 'none' }) => license);
  const expected = [...byLicence]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([licence, of]) => {
      const names = [...new Set(of.map(({ name }) => name))].toSorted();
      return `- ${licence}: ${names.join(', ')}`;
    });
  const text = readFileSync('docs/security.md', 'utf8');
  const listed = text.slice(text.indexOf('## Dependencies')).replaceAll(/\n {2}/g, ' ');
  expect(listed.split('\n').filter((line) => line.startsWith('- '))).toEqual(expected);
  expect([...byLicence.keys()].filter((licence) => !PERMISSIVE.includes(licence))).toEqual([]);
});

test('protobufjs is the only installed package with an install script', () => {
  const scripts = installed.filter(({ hasInstallScript }) => hasInstallScript === true);
  expect([...new Set(scripts.map(({ name }) => name))]).toEqual(['protobufjs']);
});

// What each public entry loads. An application pays for the packages of the entries that it imports, so
// the core entry must load no client of a server and no part of a product.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readPackage } from '../../scripts/read-package.mjs';

const root = join(import.meta.dirname, '..', '..');

/** The packages that `import 'tocsin/…'` loads, in alphabetical order. */
const packages: Readonly<Record<string, readonly string[]>> = {
  index: ['ts-pattern', 'uuid', 'zod'],
  eventstoredb: ['uuid', 'zod'],
  nats: ['zod'],
  sqlite: [],
  delivery: ['ts-pattern', 'uuid', 'zod'],
  audit: ['ts-pattern', 'uuid', 'zod'],
  schedule: ['chokidar', 'readdirp', 'ts-pattern', 'uuid', 'windows-iana', 'zod'],
  http: ['@hono/node-server', 'hono', 'ts-pattern', 'uuid', 'zod'],
  otel: [],
  contracts: ['zod'],
  testing: ['ts-pattern', 'uuid', 'zod'],
};

const entries = Object.entries(packages).map(([entry, wanted]) => ({ entry, wanted }));

const program = `
  import { registerHooks } from 'node:module';
  const loaded = new Set();
  registerHooks({
    load(url, context, next) {
      const name = /node_modules\\/((?:@[^/]+\\/)?[^/]+)\\//.exec(url)?.[1];
      if (name !== undefined) loaded.add(name);
      return next(url, context);
    },
  });
  await import(process.argv[1]);
  console.log(JSON.stringify([...loaded].sort()));
`;

function loadedBy(entry: string): readonly string[] {
  const args = ['--input-type=module', '-e', program, join(root, `src/${entry}.ts`)];
  const stdout = execFileSync(process.execPath, args, { encoding: 'utf8' });
  return z.array(z.string()).parse(JSON.parse(stdout));
}

describe('importing an entry', () => {
  test.for(entries)('$entry loads only the packages that it needs', ({ entry, wanted }) => {
    expect(loadedBy(entry)).toEqual(wanted);
  });

  test('the table of this test has a row for every entry of the package', () => {
    const names = Object.keys(readPackage().exports)
      .filter((name) => name !== './package.json')
      .map((name) => (name === '.' ? 'index' : name.slice(2)));
    expect(Object.keys(packages)).toEqual(names);
  });

  test('has at most 90 names in the core entry', () => {
    const lists = readFileSync(join(root, 'src/index.ts'), 'utf8').matchAll(/\{([^}]*)\}/g);
    const names = [...lists].flatMap(([, list = '']) => list.split(',').filter((n) => n.trim()));
    expect(names.length).toBeGreaterThan(50);
    expect(names.length).toBeLessThanOrEqual(90);
  });
});

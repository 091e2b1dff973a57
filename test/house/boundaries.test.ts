// The checker of imports really reads our files: each rule has a planted violation, under the compiler
// that is installed (some checkers read nothing, and say so to nobody, under a newer one).
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { plant } from './planted.ts';

const Report = z.object({
  modules: z.array(z.object({ source: z.string() })),
  summary: z.object({
    violations: z.array(z.object({ from: z.string(), rule: z.object({ name: z.string() }) })),
  }),
});

/** A house in which every folder imports all that it may. */
const clean: Readonly<Record<string, string>> = {
  'src/domain/a.ts': "import 'zod';\nimport 'ts-pattern';\nimport 'uuid';\nexport const a = 1;\n",
  'src/domain/b.ts': "export { a } from './a.ts';\n",
  'src/projections/p.ts':
    "import 'node:crypto';\nimport 'zod';\nimport 'ts-pattern';\nexport { a } from '../domain/a.ts';\n",
  'src/projections/publisher/r.ts':
    "import 'node:timers/promises';\nexport { a } from '../p.ts';\n",
  'src/kernel/k.ts':
    "import 'node:crypto';\nimport 'uuid';\nexport { a } from '../projections/p.ts';\nexport type K = 1;\n",
  'src/adapters/nats/n.ts':
    "import 'nats';\nimport 'node:net';\nimport type { K } from '../../kernel/k.ts';\nexport const n: K = 1;\n",
  'src/cli/main.ts':
    "import 'commander';\nexport { n } from '../adapters/nats/n.ts';\nexport { a } from '../kernel/k.ts';\n",
  'src/index.ts': "export { n } from './adapters/nats/n.ts';\nexport { a } from './kernel/k.ts';\n",
};

/** What is planted beside the clean house, and the rule that must find it there. */
const violations: Readonly<Record<string, readonly [file: string, code: string, rule: string]>> = {
  'domain imports projections': ['src/domain/x.ts', "import '../projections/p.ts';", 'domain'],
  'domain imports kernel': ['src/domain/x.ts', "import '../kernel/k.ts';", 'domain'],
  'domain imports a client': ['src/domain/x.ts', "import 'nats';", 'domain'],
  'domain imports another package': ['src/domain/x.ts', "import 'pino';", 'domain'],
  'domain imports Node': ['src/domain/x.ts', "import 'node:crypto';", 'domain'],
  'domain imports Node by its old name': ['src/domain/x.ts', "import 'crypto';", 'domain'],
  'domain imports no more than a type': [
    'src/domain/x.ts',
    "import type { K } from '../kernel/k.ts';\nexport type X = K;",
    'domain',
  ],
  'domain imports when it runs': [
    'src/domain/x.ts',
    "export const x = () => import('../kernel/k.ts');",
    'domain',
  ],
  'projections import kernel': ['src/projections/x.ts', "import '../kernel/k.ts';", 'projections'],
  'projections import adapters': [
    'src/projections/x.ts',
    "import '../adapters/nats/n.ts';",
    'adapters-only-from-the-composition-root',
  ],
  'projections import a file system': ['src/projections/x.ts', "import 'node:fs';", 'projections'],
  'projections import a client': ['src/projections/x.ts', "import 'nats';", 'projections'],
  'kernel imports adapters': [
    'src/kernel/x.ts',
    "import '../adapters/nats/n.ts';",
    'adapters-only-from-the-composition-root',
  ],
  'kernel imports a database': ['src/kernel/x.ts', "import 'node:sqlite';", 'kernel'],
  'kernel imports the command line': [
    'src/kernel/x.ts',
    "import '../cli/main.ts';",
    'cli-from-nowhere',
  ],
  'adapters import values of kernel': [
    'src/adapters/x.ts',
    "import '../kernel/k.ts';",
    'adapters-use-kernel-types-only',
  ],
  'adapters import an entry': ['src/adapters/x.ts', "import '../index.ts';", 'adapters'],
  'adapters import the command line': ['src/adapters/x.ts', "import '../cli/main.ts';", 'adapters'],
  'another folder imports the NATS client': [
    'src/adapters/http/x.ts',
    "import 'nats';",
    'one-client-one-folder-nats',
  ],
  'the command line imports the NATS client': [
    'src/cli/x.ts',
    "import 'nats';",
    'one-client-one-folder-nats',
  ],
  'an entry imports the command line': [
    'src/testing.ts',
    "import './cli/main.ts';",
    'cli-from-nowhere',
  ],
  'src imports a test': ['src/kernel/x.ts', "import '../../test/t.ts';", 'src-stands-alone'],
  'src imports a tool': ['src/cli/x.ts', "import 'vitest';", 'no-dev-dependency-in-src'],
  'two files import each other': [
    'src/kernel/circle.ts',
    "export * from './far.ts';",
    'no-circular',
  ],
  'an import leads nowhere': ['src/cli/x.ts', "import './nowhere.ts';", 'not-to-unresolvable'],
};

const companions: Readonly<Record<string, string>> = {
  'src/kernel/far.ts': "import type { X } from './circle.ts';\nexport type Y = X;\n",
  'test/t.ts': 'export const t = 1;\n',
};

function cruise(files: Readonly<Record<string, string>>): z.infer<typeof Report> {
  using tree = plant(files);
  const cruiser = join(tree.folder, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  const args = [cruiser, '--config=.dependency-cruiser.mjs', '--output-type=json', 'src'];
  const { stdout } = spawnSync(process.execPath, args, { cwd: tree.folder, encoding: 'utf8' });
  return Report.parse(JSON.parse(stdout));
}

/** Each violation in a file of its own: `x.ts` -> `x3.ts`. */
const planted = Object.entries(violations).map(([name, [file, code, rule]], index) => ({
  name,
  file: file.replace(/\bx\.ts$/, `x${String(index)}.ts`),
  code: `${code}\n`,
  rule,
}));

describe('the import boundaries', () => {
  test('allow correct imports, and read every file', () => {
    const { modules, summary } = cruise(clean);
    expect(summary.violations).toEqual([]);
    const read = modules.map(({ source }) => source);
    expect(read).toEqual(expect.arrayContaining(Object.keys(clean)));
  });

  describe('report each planted violation', () => {
    const found = new Map<string, string[]>();

    beforeAll(() => {
      const files = Object.fromEntries(planted.map(({ file, code }) => [file, code]));
      for (const { from, rule } of cruise({ ...clean, ...companions, ...files }).summary
        .violations) {
        found.set(from, [...(found.get(from) ?? []), rule.name]);
      }
    });

    test.for(planted)('$name', ({ file, rule }) => {
      expect(found.get(file)).toContain(rule);
    });
  });
});

describe('the check of folder cycles', () => {
  const checkFolders = (files: Readonly<Record<string, string>>) => {
    using tree = plant(files);
    const script = join(import.meta.dirname, '../../scripts/check-folders.mjs');
    return spawnSync(process.execPath, [script, tree.folder], { encoding: 'utf8' });
  };

  test('accepts folders that import each other in one direction', () => {
    expect(checkFolders(clean)).toMatchObject({ status: 0, stderr: '' });
  });

  test('names the imports of a parent folder and a subfolder that need each other', () => {
    const { status, stderr } = checkFolders({
      ...clean,
      'src/kernel/k.ts': "export { part } from './part/part.ts';\nexport type K = 1;\n",
      'src/kernel/part/part.ts': "import type { K } from '../k.ts';\nexport const part: K = 1;\n",
    });
    expect(status).toBe(1);
    expect(stderr).toContain('src/kernel/k.ts -> src/kernel/part/part.ts');
    expect(stderr).toContain('src/kernel/part/part.ts -> src/kernel/k.ts');
  });

  test('names a cycle over three folders once', () => {
    const { status, stderr } = checkFolders({
      ...clean,
      'src/domain/one/x.ts': "import '../two/x.ts';\n",
      'src/domain/two/x.ts': "import '../three/x.ts';\n",
      'src/domain/three/x.ts': "import '../one/x.ts';\n",
    });
    expect(status).toBe(1);
    expect(stderr.match(/folder cycle/g)).toHaveLength(1);
  });

  test('fails on a tree without source files', () => {
    expect(checkFolders({ 'test/t.ts': '' }).status).toBe(1);
  });
});

// The linter really reads our files and really knows our rules: each has a planted violation.
import { relative } from 'node:path';
import { ESLint } from 'eslint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { plant, type PlantedTree } from './planted.ts';

interface Planted {
  readonly file: string;
  readonly code: string;
  readonly rule: string;
}

const violations: Readonly<Record<string, Planted>> = {
  'a promise that nobody awaits': {
    file: 'src/kernel/floating.ts',
    code: 'export function f(): void {\n  Promise.resolve(1);\n}\n',
    rule: '@typescript-eslint/no-floating-promises',
  },
  'a promise of a package that nobody awaits': {
    file: 'src/adapters/nats/floating.ts',
    code: "import { connect } from 'nats';\nexport function f(): void {\n  connect();\n}\n",
    rule: '@typescript-eslint/no-floating-promises',
  },
  any: {
    file: 'src/kernel/any.ts',
    code: 'export type A = any;\n',
    rule: '@typescript-eslint/no-explicit-any',
  },
  'a value of type any that is used': {
    file: 'src/kernel/unsafe.ts',
    code: "export const a: string = JSON.parse('1');\n",
    rule: '@typescript-eslint/no-unsafe-assignment',
  },
  'the parser that mistakes keys': {
    file: 'src/kernel/native-json.ts',
    code: "export const a: unknown = JSON.parse('1');\n",
    rule: 'no-restricted-properties',
  },
  'a non-null assertion': {
    file: 'src/kernel/non-null.ts',
    code: 'export const f = (a: readonly string[]): string => a[0]!;\n',
    rule: '@typescript-eslint/no-non-null-assertion',
  },
  'an unchecked cast': {
    file: 'src/kernel/cast.ts',
    code: 'export const f = (a: unknown): string => a as string;\n',
    rule: 'no-restricted-syntax',
  },
  'a cast through another in a test': {
    file: 'test/domain/double-cast.test.ts',
    code: 'export const f = (a: number): string => a as unknown as string;\n',
    rule: 'no-restricted-syntax',
  },
  'console outside the command line': {
    file: 'src/adapters/console.ts',
    code: "console.log('x');\n",
    rule: 'no-console',
  },
  'an empty catch': {
    file: 'src/kernel/empty.ts',
    code: 'export function f(g: () => void): void {\n  try {\n    g();\n  } catch {}\n}\n',
    rule: 'no-empty',
  },
  'a switch that forgets a case': {
    file: 'src/kernel/switch.ts',
    code: "export function f(a: 'x' | 'y'): number {\n  switch (a) {\n    case 'x':\n      return 1;\n  }\n  return 2;\n}\n",
    rule: '@typescript-eslint/switch-exhaustiveness-check',
  },
  'a disabled rule without a reason': {
    file: 'src/kernel/undescribed.ts',
    code: '// eslint-disable-next-line @typescript-eslint/no-explicit-any\nexport type A = any;\n',
    rule: '@eslint-community/eslint-comments/require-description',
  },
  'all rules disabled': {
    file: 'src/kernel/unlimited.ts',
    code: '// eslint-disable-next-line -- because\nexport type A = any;\n',
    rule: '@eslint-community/eslint-comments/no-unlimited-disable',
  },
  'a disabled rule that finds nothing': {
    file: 'src/kernel/unused-disable.ts',
    code: '// eslint-disable-next-line no-console -- none here\nexport const a = 1;\n',
    rule: 'unused directive',
  },
  ...impure('domain', {
    'JSON.parse': ["export const a: unknown = JSON.parse('1');", 'no-restricted-properties'],
    'Date.now': ['export const a = Date.now();', 'no-restricted-properties'],
    'Date.now, taken out': ['export const { now } = Date;', 'no-restricted-properties'],
    'new Date()': ['export const a = new Date();', 'no-restricted-syntax'],
    'new Date(y, m, d) in the zone of the machine': [
      'export const a = new Date(2026, 1, 2);',
      'no-restricted-syntax',
    ],
    'getHours in the zone of the machine': [
      'export const f = (a: Date): number => a.getHours();',
      'no-restricted-syntax',
    ],
    localeCompare: [
      'export const f = (a: string, b: string): number => a.localeCompare(b);',
      'no-restricted-syntax',
    ],
    'an unchecked cast': [
      'export const f = (a: unknown): string => a as string;',
      'no-restricted-syntax',
    ],
    'Math.random': ['export const a = Math.random();', 'no-restricted-properties'],
    performance: ['export const a = performance.now();', 'no-restricted-globals'],
    process: ['export const a = process.pid;', 'no-restricted-globals'],
    setTimeout: ['setTimeout(() => undefined, 1);', 'no-restricted-globals'],
    setInterval: ['setInterval(() => undefined, 1);', 'no-restricted-globals'],
    'crypto.randomUUID': ['export const a = crypto.randomUUID();', 'no-restricted-globals'],
    globalThis: ['export const a = globalThis.performance.now();', 'no-restricted-globals'],
    'node:crypto': ["export { createHash } from 'node:crypto';", 'no-restricted-imports'],
    'a random uuid': ["export { v4 } from 'uuid';", 'no-restricted-imports'],
    'a uuid of the clock': ["export { v7 } from 'uuid';", 'no-restricted-imports'],
    'all of uuid': ["export * from 'uuid';", 'no-restricted-imports'],
  }),
  ...impure('projections', {
    'Date.now': ['export const a = Date.now();', 'no-restricted-properties'],
    'new Date()': ['export const a = new Date();', 'no-restricted-syntax'],
    setTimeout: ['setTimeout(() => undefined, 1);', 'no-restricted-globals'],
    'node:timers': ["export { setTimeout } from 'node:timers';", 'no-restricted-imports'],
    'node:fs': ["export { readFileSync } from 'node:fs';", 'no-restricted-imports'],
    'a random uuid': ["export { v4 } from 'uuid';", 'no-restricted-imports'],
    'random bytes': ["export { randomBytes } from 'node:crypto';", 'no-restricted-imports'],
  }),
  ...impure('projections/runner', {
    'Date.now': ['export const a = Date.now();', 'no-restricted-properties'],
    'node:fs': ["export { readFileSync } from 'node:fs';", 'no-restricted-imports'],
    'a random uuid': ["export { randomUUID } from 'node:crypto';", 'no-restricted-imports'],
  }),
};

const clean: Readonly<Record<string, string>> = {
  'src/domain/clean.ts':
    "import { v5 } from 'uuid';\n\nexport const id = (name: string, namespace: string): string => v5(name, namespace);\n" +
    "export const at = (now: number): string => new Date(now).toISOString();\nexport const kinds = ['a'] as const;\n",
  'src/projections/clean.ts': "export { createHash } from 'node:crypto';\n",
  'src/projections/publisher/clean.ts':
    "import { setTimeout as delay } from 'node:timers/promises';\n\nexport const wait = async (): Promise<void> => {\n  await delay(1);\n};\n",
  'src/cli/clean.ts': "console.log('for the person at the terminal');\n",
  'test/domain/clean.test.ts': 'export const f = (a: unknown): string => a as string;\n',
};

function impure(
  folder: string,
  cases: Readonly<Record<string, readonly [code: string, rule: string]>>,
): Record<string, Planted> {
  return Object.fromEntries(
    Object.entries(cases).map(([name, [code, rule]], index) => [
      `${folder}: ${name}`,
      { file: `src/${folder}/planted-${String(index)}.ts`, code: `${code}\n`, rule },
    ]),
  );
}

describe('the linter', () => {
  let tree: PlantedTree;
  const found = new Map<string, string[]>();

  beforeAll(async () => {
    const planted = Object.values(violations).map(({ file, code }) => [file, code] as const);
    tree = plant({ ...Object.fromEntries(planted), ...clean });
    const linter = new ESLint({ cwd: tree.folder });
    for (const { filePath, messages } of await linter.lintFiles(['src', 'test'])) {
      const rules = messages.map(({ ruleId, message }) =>
        message.startsWith('Unused eslint-disable') ? 'unused directive' : (ruleId ?? message),
      );
      found.set(relative(tree.folder, filePath), rules);
    }
  });

  afterAll(() => {
    tree[Symbol.dispose]();
  });

  test.for(Object.entries(violations))('finds %s', ([, { file, rule }]) => {
    expect(found.get(file)).toContain(rule);
  });

  test.for(Object.keys(clean))('finds nothing in the clean %s', (file) => {
    expect(found.get(file)).toEqual([]);
  });
});

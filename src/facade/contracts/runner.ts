/**
 * The functions of a test runner that a contract suite calls. Those of `node:test` and of vitest fit:
 * `import * as runner from 'node:test'`.
 */
export type ContractRunner = {
  readonly describe: (name: string, define: () => void) => unknown;
  readonly test: (name: string, check: () => void | Promise<void>) => unknown;
  readonly beforeEach: (prepare: () => void | Promise<void>) => unknown;
  readonly afterEach: (end: () => void | Promise<void>) => unknown;
};

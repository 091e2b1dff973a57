// What the linter holds: promises are awaited, types are not talked away, and the pure folders stay
// pure. Who may import whom is in .dependency-cruiser.mjs. Every rule of ours has a planted violation
// in test/house, because a checker that silently reads nothing looks just like one that finds nothing.
import comments from '@eslint-community/eslint-plugin-eslint-comments';
import { defineConfig, globalIgnores } from 'eslint/config';
import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import {
  noCasts,
  noDoubleCasts,
  noNativeJson,
  pureDomain,
  pureProjections,
  pureRunner,
} from './scripts/lint/rules.mjs';

const scripts = ['scripts/**/*.mjs', 'bin/**/*.mjs', '*.mjs', '.*.mjs'];

export default defineConfig(
  globalIgnores(['dist/', 'var/', '.node/', 'coverage/']),
  {
    files: ['**/*.ts', ...scripts],
    extends: [js.configs.recommended, tseslint.configs.strictTypeChecked],
    plugins: { '@eslint-community/eslint-comments': comments },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      // The compiler knows which names there are; this rule does not.
      'no-undef': 'off',
      'no-console': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', ...noCasts],
      '@typescript-eslint/no-floating-promises': ['error', { checkThenables: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allow: [{ name: 'bigint', from: 'lib' }] },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' },
      ],
      // A disabled rule says why, on the line and for the rule it needs.
      '@eslint-community/eslint-comments/require-description': 'error',
      '@eslint-community/eslint-comments/no-unlimited-disable': 'error',
      '@eslint-community/eslint-comments/disable-enable-pair': 'error',
    },
  },
  { files: ['src/**/*.ts'], rules: { 'no-restricted-properties': ['error', noNativeJson] } },
  // Browsers read what the same process has written.
  { files: ['src/console/client/*.ts'], rules: { 'no-restricted-properties': 'off' } },
  { files: ['src/domain/**/*.ts'], rules: pureDomain },
  { files: ['src/projections/**/*.ts'], rules: pureProjections },
  { files: ['src/projections/publisher/**/*.ts'], rules: pureRunner },
  {
    // A cast in a comment, the only kind that plain JavaScript has, is not seen by these.
    files: scripts,
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  // These talk to a person at a terminal.
  { files: ['src/cli/**', 'bench/**', 'examples/**', ...scripts], rules: { 'no-console': 'off' } },
  {
    files: ['test/**', 'bench/**', 'examples/**'],
    rules: { 'no-restricted-syntax': ['error', ...noDoubleCasts] },
  },
);

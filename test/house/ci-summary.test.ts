// The last line of CI is as true as its count.
import { expect, test } from 'vitest';
import { summarise } from '../../scripts/ci-summary.mjs';

const file = (...tests: readonly (readonly [status: string, fullName: string])[]) => ({
  name: 'a.test.ts',
  status: tests.some(([status]) => status === 'failed') ? 'failed' : 'passed',
  message: '',
  assertionResults: tests.map(([status, fullName]) => ({ status, fullName })),
});

test('counts what passed and names what failed', () => {
  const testResults = [file(['passed', 'a'], ['failed', 'b']), file(['passed', 'c'])];
  expect(summarise({ testResults }, {})).toEqual({ passed: 2, failures: ['failed: b'] });
});

test('a skipped test is a failed one', () => {
  const testResults = [file(['passed', 'a'], ['skipped', 'b'], ['pending', 'c'], ['todo', 'd'])];
  expect(summarise({ testResults }, {}).failures).toEqual(['skipped: b', 'pending: c', 'todo: d']);
});

test('a skipped test is no failure when it needs a variable that is not set, and its name says so', () => {
  const testResults = [file(['passed', 'a'], ['skipped', 'b [needs TOCSIN_TEST_ESDB]'])];
  expect(summarise({ testResults }, {})).toEqual({ passed: 1, failures: [] });
  const env = { TOCSIN_TEST_ESDB: 'esdb://127.0.0.1:2113' };
  expect(summarise({ testResults }, env).failures).toEqual(['skipped: b [needs TOCSIN_TEST_ESDB]']);
});

test('a skipped test is a failure when CI has what it needs', () => {
  const testResults = [file(['skipped', 'b [needs nats-server]'])];
  expect(summarise({ testResults }, {}).failures).toEqual(['skipped: b [needs nats-server]']);
});

test('a name does not excuse a test that ran and failed', () => {
  const testResults = [file(['failed', 'b [needs TOCSIN_TEST_ESDB]'])];
  expect(summarise({ testResults }, {}).failures).toEqual(['failed: b [needs TOCSIN_TEST_ESDB]']);
});

test('a file that broke before its first test is a failure', () => {
  const broken = { name: 'x.test.ts', status: 'failed', message: 'boom', assertionResults: [] };
  const testResults = [file(['passed', 'a']), broken];
  expect(summarise({ testResults }, {}).failures).toEqual(['broken: x.test.ts: boom']);
});

test('nothing run is a failure', () => {
  expect(summarise({ testResults: [] }, {})).toEqual({ passed: 0, failures: ['no test was run'] });
});

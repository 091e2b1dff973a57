// The guard of the benchmarks: which ratios count as fallen.
import { expect, test } from 'vitest';
import type { Report, Target } from '../../bench/support/bench.ts';
import { fallen } from '../../bench/support/guard.ts';

const report = (...targets: readonly Target[]): Report => ({
  case: 'raise',
  figures: {},
  targets,
  lines: [],
});
const known = { 'raise: ours / theirs': 0.5, 'raise: time / theirs': 2 };

test('a ratio that fell by more than 15 % is named, and a time that rose as much', () => {
  const slower = { what: 'ours / theirs', reached: 0.42, atLeast: 1 };
  const longer = { what: 'time / theirs', reached: 2.5, below: 3 };
  expect(fallen([report(slower, longer)], known)).toEqual([
    'raise: ours / theirs: 0.42, was 0.5 (-16 %)',
    'raise: time / theirs: 2.5, was 2 (-20 %)',
  ]);
});

test('ratios within 15 %, better ones, unknown ones and other targets are not named', () => {
  const targets = [
    { what: 'ours / theirs', reached: 0.43, atLeast: 1 },
    { what: 'time / theirs', reached: 1, below: 3 },
    { what: 'new / theirs', reached: 0.1, atLeast: 1 },
    { what: 'p99 in ms', reached: 100, below: 3 },
  ];
  expect(fallen([report(...targets)], known)).toEqual([]);
});

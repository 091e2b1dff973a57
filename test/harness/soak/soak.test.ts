// The figures of a soak, and its picture.
import { describe, expect, test } from 'vitest';
import { drainRate, growthOf, percentile } from './figures.ts';
import { picture } from './picture.ts';

const every = (count: number, value: (n: number) => number) =>
  Array.from({ length: count }, (_, n) => ({ seconds: n * 10, value: value(n) }));

describe('growthOf', () => {
  test('is the slope of the second half', () => {
    const grows = growthOf(every(100, (n) => (n < 50 ? n * 30 : 100 + n)));
    expect(grows.perHour).toBeCloseTo(360);
    expect(grows.inAll).toBeCloseTo(49.5);
    const steady = growthOf(every(100, (n) => (n < 50 ? n : 80 + (n % 2))));
    expect(Math.abs(steady.perHour)).toBeLessThan(1);
  });

  test('is zero without samples and for one sample', () => {
    expect(growthOf([])).toEqual({ perHour: 0, inAll: 0 });
    expect(growthOf(every(1, () => 5))).toEqual({ perHour: 0, inAll: 0 });
  });
});

test('the rate of a backlog omits its start and end, and interpolates between samples', () => {
  const slowStart = [
    { seconds: 0, value: 100 },
    { seconds: 30, value: 100 },
    { seconds: 31, value: 1_100 },
    { seconds: 60, value: 1_100 },
  ];
  expect(drainRate(slowStart)).toBeCloseTo(1_000);
  expect(drainRate(every(11, (n) => n * 50))).toBeCloseTo(5);
  expect(drainRate(every(3, () => 7))).toBe(0);
});

test('percentile returns the value at a share of the sorted values', () => {
  const values = Array.from({ length: 100 }, (_, n) => 99 - n);
  expect([percentile(values, 0.5), percentile(values, 0.99), percentile([], 0.5)]).toEqual([
    50, 99, 0,
  ]);
});

test('a picture is one SVG with a line for each series, and escapes names', () => {
  const series = [
    { name: 'a<b', points: every(3, (n) => n) },
    { name: 'c&d', points: every(3, () => 0) },
  ];
  const svg = picture('memory', [{ title: 'MB', series }]);
  expect(svg.match(/<polyline /g)).toHaveLength(2);
  expect(svg).toContain('a&lt;b: 2');
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
});

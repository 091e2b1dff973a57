// Figures from samples: slopes, percentiles, and the speed at which a backlog was drained.

/** A value at a time, in seconds. */
export type Point = { readonly seconds: number; readonly value: number };

/** What grows and by how much, over the second half of a run: the first half is for warming up. */
export type Growth = {
  readonly perHour: number;
  /** By the slope, over the half. */
  readonly inAll: number;
};

/** The slope of the line that fits the second half best (least squares). */
export function growthOf(points: readonly Point[]): Growth {
  const [first, last] = [points[0]?.seconds ?? 0, points.at(-1)?.seconds ?? 0];
  const half = points.filter(({ seconds }) => seconds >= (first + last) / 2);
  const mean = (of: (point: Point) => number): number =>
    half.reduce((sum, point) => sum + of(point), 0) / Math.max(1, half.length);
  const [atMean, valueMean] = [mean(({ seconds }) => seconds), mean(({ value }) => value)];
  const spread = mean(({ seconds }) => (seconds - atMean) ** 2);
  if (spread === 0) return { perHour: 0, inAll: 0 };
  const slope = mean(({ seconds, value }) => (seconds - atMean) * (value - valueMean)) / spread;
  return { perHour: slope * 3_600, inAll: (slope * (last - first)) / 2 };
}

/** The value below which that share of the values lies; 0 without values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/**
 * How fast a counter rose while a backlog was drained, per second, between a tenth and nine tenths of it:
 * the start is for connecting, and the end is where the backlog meets what comes meanwhile.
 */
export function drainRate(points: readonly Point[]): number {
  const [begin, end] = [points[0]?.value ?? 0, points.at(-1)?.value ?? 0];
  const from = reachedAt(points, begin + (end - begin) * 0.1);
  const to = reachedAt(points, begin + (end - begin) * 0.9);
  if (from === undefined || to === undefined || to <= from) return 0;
  return ((end - begin) * 0.8) / (to - from);
}

/** When a rising counter reached the value, interpolated between two samples if needed. */
function reachedAt(points: readonly Point[], value: number): number | undefined {
  const at = points.findIndex((point) => point.value >= value);
  const [before, after] = [points[at - 1], points[at]];
  if (after === undefined || before === undefined) return after?.seconds;
  const share = (value - before.value) / (after.value - before.value);
  return before.seconds + share * (after.seconds - before.seconds);
}

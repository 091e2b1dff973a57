// Name prefixes as ranges that an ordered comparison can test.

/** Names from `low` (inclusive) to `high` (exclusive, in UTF-8 order; absent, without end). */
export type NameRange = { readonly low: string; readonly high: string | undefined };

/**
 * The fewest ranges that hold exactly the names with one of the prefixes. Neighbours are joined, so
 * that a lane's share of the users (`…-40`, `…-41`, …) is a few comparisons and not hundreds.
 */
export function prefixRanges(prefixes: readonly string[]): readonly NameRange[] {
  const encoder = new TextEncoder();
  const byBytes = (a: string, b: string): number =>
    Buffer.compare(encoder.encode(a), encoder.encode(b));
  const ranges: NameRange[] = [];
  for (const low of [...prefixes].sort(byBytes)) {
    const high = after(low);
    const last = ranges.at(-1);
    if (last === undefined || (last.high !== undefined && byBytes(low, last.high) > 0)) {
      ranges.push({ low, high });
    } else if (last.high !== undefined && (high === undefined || byBytes(high, last.high) > 0)) {
      ranges[ranges.length - 1] = { low: last.low, high };
    }
  }
  return ranges;
}

/** The first text that is greater than every text with this prefix. */
function after(prefix: string): string | undefined {
  const points = Array.from(prefix);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) ?? 0;
    // Surrogates are no characters of their own.
    const next = point === 0xd7ff ? 0xe000 : point + 1;
    if (next <= 0x10ffff) return points.join('') + String.fromCodePoint(next);
  }
  return undefined;
}

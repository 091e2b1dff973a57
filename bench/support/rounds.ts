// Product and limit in turn, so that a machine whose speed drifts, or is shared, changes both alike. Only
// ratios of one run are worth quoting.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What one measurement did, and how long it took. */
export type Measured = { readonly units: number; readonly seconds: number };

/** The middle of several values, and how far they were apart. */
export type Spread = { readonly median: number; readonly min: number; readonly max: number };

/** Rates of product and limit in units a second, and the ratio round by round. */
export type Paired = {
  readonly rounds: number;
  readonly product: Spread;
  readonly limit: Spread;
  readonly ratio: Spread;
};

/** The two contenders. The product goes first; the limit may use what it left behind. */
export type Contenders = {
  readonly product: () => Promise<Measured>;
  readonly limit: () => Promise<Measured> | Measured;
};

/** Runs both once to warm up, then `rounds` times in turn. */
export async function alternate(
  rounds: number,
  { product, limit }: Contenders,
  progress: (round: number) => void,
): Promise<Paired> {
  const rates: { product: number; limit: number }[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    progress(round);
    collectGarbage();
    const own = rateOf(await product());
    collectGarbage();
    const rate = { product: own, limit: rateOf(await limit()) };
    if (round > 0) rates.push(rate);
  }
  return {
    rounds,
    product: spreadOf(rates.map((rate) => rate.product)),
    limit: spreadOf(rates.map((rate) => rate.limit)),
    ratio: spreadOf(rates.map((rate) => rate.product / rate.limit)),
  };
}

/** Median, least and most. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const upper = sorted[middle] ?? NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
  return { median, min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN };
}

function rateOf({ units, seconds }: Measured): number {
  return units / seconds;
}

/** Neither pays for what the other left behind. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc()');
}

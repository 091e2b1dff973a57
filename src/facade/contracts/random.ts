// Random cases for the contract suites: a failure names its seed, which repeats the case.

/** A number from `least` to `most`, both included. */
export type Draw = (least: number, most: number) => number;

/** Checks a number of random cases, one after the other. @throws Error with the seed of the case that failed */
export async function forRandomCases(
  count: number,
  check: (draw: Draw) => Promise<void>,
): Promise<void> {
  const [first = 0] = crypto.getRandomValues(new Uint32Array(1));
  for (let n = 0; n < count; n += 1) {
    const seed = (first + n) >>> 0;
    try {
      await check(drawFrom(seed));
    } catch (cause) {
      throw new Error(`the case of seed ${seed} failed: ${String(cause)}`, { cause });
    }
  }
}

/** The generator mulberry32. */
function drawFrom(seed: number): Draw {
  let state = seed;
  return (least, most) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    const fraction = ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    return least + Math.floor(fraction * (most - least + 1));
  };
}

// How long to wait before the next try.

/** The ceiling of the first wait and the longest ceiling, in milliseconds. */
export type Backoff = { readonly firstMs: number; readonly longestMs: number };

/** Of processes that wait until a server or a row can be used again. */
export const PROCESS_BACKOFF: Backoff = { firstMs: 100, longestMs: 30_000 };

/** A random wait below the ceiling ("full jitter"). `failures` counts those before this one. */
export function backoffMs(failures: number, backoff: Backoff, random: () => number): number {
  return backoffCeilingMs(failures, backoff) * random();
}

/** Doubles with each failure, up to the longest. */
export function backoffCeilingMs(failures: number, { firstMs, longestMs }: Backoff): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(failures, 30));
}

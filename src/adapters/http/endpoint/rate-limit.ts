// Limits the requests of each caller with a token bucket. The buckets live in memory only.

/** Sustained requests per second, and the largest burst. */
export type ApiRate = { readonly perSecond: number; readonly burst: number };

/** Most buckets in memory; the least recently used one is dropped first. */
const MAX_BUCKETS = 10_000;

/** Counts one request of a caller. Returns the seconds to wait; 0 means the request is allowed. */
export type RateLimit = (caller: string) => number;

/** @param elapsed milliseconds that never run backwards */
export function rateLimit({ perSecond, burst }: ApiRate, elapsed: () => number): RateLimit {
  const buckets = new Map<string, { left: number; at: number }>();
  return (caller) => {
    const now = elapsed();
    const { left, at } = buckets.get(caller) ?? { left: burst, at: now };
    const filled = Math.min(burst, left + ((now - at) / 1000) * perSecond);
    const isFree = filled >= 1;
    // Delete and set: the map's order is then the order of the last use.
    buckets.delete(caller);
    buckets.set(caller, { left: isFree ? filled - 1 : filled, at: now });
    if (buckets.size > MAX_BUCKETS) {
      const [oldest] = buckets.keys();
      if (oldest !== undefined) buckets.delete(oldest);
    }
    return isFree ? 0 : Math.max(1, Math.ceil((1 - filled) / perSecond));
  };
}

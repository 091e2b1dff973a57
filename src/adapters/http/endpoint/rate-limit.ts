// Limits the requests of each caller with a token bucket. The buckets live in memory only.

/** Sustained requests per second, and the largest burst. */
export type ApiRate = { readonly perSecond: number; readonly burst: number };

/** Most buckets in memory; the least recently used one is dropped first. */
const MAX_BUCKETS = 10_000;

/**
 * Counts one request of a token and of its user: more tokens give a user no more requests.
 *
 * @param keys the token, and its user if it has one
 * @returns the seconds to wait; 0 means that the request is allowed, and only then is it counted
 */
export type RateLimit = (...keys: readonly string[]) => number;

/** @param elapsed milliseconds that never run backwards */
export function rateLimit({ perSecond, burst }: ApiRate, elapsed: () => number): RateLimit {
  const buckets = new Map<string, { left: number; at: number }>();
  const filledAt = (key: string, now: number): number => {
    const { left, at } = buckets.get(key) ?? { left: burst, at: now };
    return Math.min(burst, left + ((now - at) / 1000) * perSecond);
  };
  return (...keys) => {
    const now = elapsed();
    const filled = keys.map((key) => filledAt(key, now));
    const least = Math.min(...filled);
    const isFree = least >= 1;
    for (const [i, key] of keys.entries()) {
      const left = filled[i] ?? 0;
      // Delete and set: the map's order is then the order of the last use.
      buckets.delete(key);
      buckets.set(key, { left: isFree ? left - 1 : left, at: now });
    }
    while (buckets.size > MAX_BUCKETS) {
      const [oldest] = buckets.keys();
      if (oldest === undefined) break;
      buckets.delete(oldest);
    }
    return isFree ? 0 : Math.max(1, Math.ceil((1 - least) / perSecond));
  };
}

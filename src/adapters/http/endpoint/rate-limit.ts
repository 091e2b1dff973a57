// How much one caller may ask: a bucket of tokens each, in memory, because it is no truth.

/** Requests per second that go on for ever, and how many may come at once. */
export type ApiRate = { readonly perSecond: number; readonly burst: number };

/** Buckets kept at most; the ones that were asked least recently go first. */
const MAX_BUCKETS = 10_000;

/** Takes one request of a caller's; answers how many seconds it has to wait, 0 when it may go on. */
export type RateLimit = (caller: string) => number;

/** @param elapsed milliseconds that never run backwards */
export function rateLimit({ perSecond, burst }: ApiRate, elapsed: () => number): RateLimit {
  const buckets = new Map<string, { left: number; at: number }>();
  return (caller) => {
    const now = elapsed();
    const { left, at } = buckets.get(caller) ?? { left: burst, at: now };
    const filled = Math.min(burst, left + ((now - at) / 1000) * perSecond);
    const isFree = filled >= 1;
    // Put in anew, so that the map's order is that of the last use.
    buckets.delete(caller);
    buckets.set(caller, { left: isFree ? filled - 1 : filled, at: now });
    if (buckets.size > MAX_BUCKETS) {
      const [oldest] = buckets.keys();
      if (oldest !== undefined) buckets.delete(oldest);
    }
    return isFree ? 0 : Math.max(1, Math.ceil((1 - filled) / perSecond));
  };
}

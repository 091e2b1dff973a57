// A clock for tests that stands still until the test moves it.
import { MAX_INSTANT, parseInstant, type Instant } from '../../domain/core/instants.ts';
import type { Clock } from '../../domain/ports/runtime.ts';

/** A {@link Clock} that a test moves. */
export type FixedClock = Clock & {
  /** Moves the clock by milliseconds; a negative number moves it back. */
  readonly advance: (ms: number) => void;
};

/** Shows `start`, RFC 3339 text or milliseconds since the epoch, until it is moved. @throws RangeError otherwise */
export function fixedClock(start: string | Instant = '2026-01-01T00:00:00Z'): FixedClock {
  const parsed = typeof start === 'number' ? undefined : parseInstant(start);
  if (parsed?.ok === false) throw new RangeError(`start ${parsed.error}`);
  const checked = (at: number): Instant => {
    if (at >= 0 && at <= MAX_INSTANT) return at;
    throw new RangeError(`the clock cannot stand at ${at}: use milliseconds since 1970`);
  };
  let now = checked(parsed?.value ?? Number(start));
  return {
    now: () => now,
    advance: (ms) => {
      now = checked(now + ms);
    },
  };
}

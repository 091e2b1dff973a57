// A clock that stands still until it is told to move.
import { parseInstant, type Instant } from '../../domain/core/instants.ts';
import type { Clock } from '../../domain/ports/clock.ts';

/** A {@link Clock} in a test's hands. */
export type FixedClock = Clock & {
  /** Moves it by so many milliseconds; negative ones move it back. */
  readonly advance: (ms: number) => void;
};

/**
 * A clock that shows `start` until it is moved.
 *
 * @param start RFC 3339 text with an offset, or milliseconds since the epoch
 * @throws RangeError when `start` is not an instant
 */
export function fixedClock(start: string | Instant = '2026-01-01T00:00:00Z'): FixedClock {
  const parsed = typeof start === 'number' ? undefined : parseInstant(start);
  if (parsed?.ok === false) throw new RangeError(`start ${parsed.error}`);
  let now = parsed?.value ?? Number(start);
  return {
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
  };
}

// Dedupe windows as pure functions on integer milliseconds; intervals are half-open.
import type { Instant } from './instants.ts';

/** The seed's window for triggers and for notifications. */
export const DEFAULT_WINDOW_MS = 30 * 60 * 1000;

/**
 * Start of the tumbling window that holds `instant`: the largest `phaseMs + k * sizeMs <= instant`.
 * An instant on a boundary belongs to the window that begins there.
 */
export function tumblingWindowStart(instant: Instant, sizeMs: number, phaseMs = 0): Instant {
  return Math.floor((instant - phaseMs) / sizeMs) * sizeMs + phaseMs;
}

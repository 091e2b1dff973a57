// Tumbling dedupe windows in integer milliseconds; intervals are half-open.
import type { Instant } from './instants.ts';

/** The default window of triggers and of notifications. */
export const DEFAULT_WINDOW_MS = 30 * 60 * 1000;

/** Start of the tumbling window that holds `instant`: the largest `phaseMs + k * sizeMs <= instant`. */
export function tumblingWindowStart(instant: Instant, sizeMs: number, phaseMs = 0): Instant {
  return Math.floor((instant - phaseMs) / sizeMs) * sizeMs + phaseMs;
}

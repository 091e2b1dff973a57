import type { Instant } from '../core/instants.ts';

/** Clock, timers and random values of a process. Tests hand in their own; the domain gets results as arguments. */
export type Runtime = {
  readonly now: () => Instant;
  /** Milliseconds that never run backwards and never stand still; deadlines are kept by it. */
  readonly elapsed: () => number;
  /** Waits; returns early, without an error, when the signal is raised. */
  readonly pause: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** 0 <= x < 1, for jitter. */
  readonly random: () => number;
  /** A random UUID per call. */
  readonly newId: () => string;
};

/** The source of the current time. Decisions get instants as arguments and hold no clock. */
export type Clock = { readonly now: () => Instant };

// Limits of the front for each client.

/** The official client sends batches of 3 MiB plus one event of at most 16 MiB. */
export const MAX_MESSAGE_BYTES = 20 * 1024 * 1024;

/** An append that is not written within this time is answered as timed out, whatever its deadline. */
export const WRITE_TIMEOUT_MS = 30_000;

/** How many committed ids are remembered for appends without an expected revision. */
export const REMEMBERED_IDS = 100_000;

/** Received and unwritten bytes of one batch stream at which the server pauses reading. */
export const MAX_UNWRITTEN_BYTES = 16 * 1024 * 1024;

/** The most bytes of unfinished appends of one batch stream. */
export const MAX_UNFINISHED_BYTES = 64 * 1024 * 1024;

/** The most unfinished appends of one batch stream. */
export const MAX_UNFINISHED_APPENDS = 10_000;

/** Bytes of appends that are not written at which a call is ended. One kernel has one batch stream. */
export const MAX_HELD_BYTES = {
  perConnection: 128 * 1024 * 1024,
  inAll: 256 * 1024 * 1024,
} as const;

/** Unsent bytes of one reader at which the server waits for that reader. */
export const MAX_OUTGOING_BYTES = 128 * 1024;

/** Unsent bytes at which nothing more is read from the store. */
export type OutgoingLimits = {
  readonly perConnection: number;
  readonly inAll: number;
  /** A reader that takes nothing for this long, in milliseconds, is ended when others wait for the room that it holds. */
  readonly stalledMs: number;
};

/** Each may be passed by what one reader is sent at once: a page, or one event of the largest size. */
export const MAX_OUTGOING: OutgoingLimits = {
  perConnection: 64 * 1024 * 1024,
  inAll: 128 * 1024 * 1024,
  stalledMs: 5_000,
};

/** Servers have no such bound. */
export const UNBOUNDED_OUTGOING: OutgoingLimits = {
  perConnection: Infinity,
  inAll: Infinity,
  stalledMs: 5_000,
};

/** The longest regular expression of a filter, in characters. */
export const MAX_REGEX_LENGTH = 1_024;

/** The most prefixes of a filter, and the longest one in characters. */
export const MAX_PREFIXES = 1_024;
export const MAX_PREFIX_LENGTH = 1_024;

/** The most readers at once. A subscription stays, and a read ends; a kernel makes many reads and few subscriptions. */
export const MAX_READERS = {
  subscriptions: { perConnection: 200, inAll: 500 },
  reads: { perConnection: 1_000, inAll: 2_000 },
} as const;

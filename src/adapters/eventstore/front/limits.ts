// What one client may ask of the server.

/** Limits that whoever starts the server may set. */
export type FrontLimits = {
  /** The most that one append may hold, in bytes of data, metadata and types. */
  readonly maxAppendBytes: number;
};

/** EventStoreDB's default, up to version 25.0. */
export const DEFAULT_MAX_APPEND_BYTES = 1024 * 1024;

/** What the official client sends at once: batches of 3 MiB and one event more, of at most 16 MiB. */
export const MAX_MESSAGE_BYTES = 20 * 1024 * 1024;

/** An append that could not be written within this is answered as timed out, whatever its deadline. */
export const WRITE_TIMEOUT_MS = 30_000;

/** How many committed ids are remembered for appends that expect no revision. */
export const REMEMBERED_IDS = 100_000;

/** What one batch stream may have unwritten, in bytes, before the server stops reading from it. */
export const MAX_UNWRITTEN_BYTES = 16 * 1024 * 1024;

/** What one batch stream may have gathered of appends that it has not finished, in bytes. */
export const MAX_UNFINISHED_BYTES = 64 * 1024 * 1024;

/** How many appends one batch stream may have begun and not finished. */
export const MAX_UNFINISHED_APPENDS = 10_000;

/** What the server has on its way to one reader, in bytes, before it waits for that reader. */
export const MAX_OUTGOING_BYTES = 128 * 1024;

/** The longest regular expression of a filter, in characters. */
export const MAX_REGEX_LENGTH = 1_024;

/** The most prefixes of a filter, and the longest one in characters. */
export const MAX_PREFIXES = 1_024;
export const MAX_PREFIX_LENGTH = 1_024;

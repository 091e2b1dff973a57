// The turn of a command among earlier ones that must come before it in the log.

/** One command's turn. Commands without a turn are in no order. */
export type Turn = {
  /**
   * Waits for the command's turn to append. First: until the earlier commands have appended, with or without an answer yet.
   * Later, before it tries again: until the earlier commands have ended; the ones behind it then wait for its end.
   */
  readonly next: () => Promise<void>;
  /** The command has handed its events to the store. */
  readonly appended: () => void;
};

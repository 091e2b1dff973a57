// The port to the messages that say that a notification was let through. Nothing in a message is
// believed: it only says where in the log to look.

/** A message as it came. */
export type RequestMessage = {
  readonly subject: string;
  readonly headers: ReadonlyMap<string, string>;
  /** Its number in the stream, for logs. */
  readonly sequence: bigint;
};

/**
 * What becomes of a message: `done` and `never` take it out of the inbox for good, `later` brings it
 * back after a while.
 */
export type Acknowledgement = 'done' | 'never' | 'later';

/** The stream behind the inbox, by which a log knows its own. */
export type RequestStream = { readonly stream: string; readonly created: string };

export type RequestQueue = {
  /**
   * Hands over every message of the real (never mock) notification requests, several at once, until the
   * signal; each at least once, until it is settled. Connects again for ever. Workers that run at once
   * share the messages.
   *
   * @param options.check asked at every connection before the first message: may these be handed over,
   *   or not yet? What it throws ends the run
   * @param options.handle what it throws counts as `later`
   * @throws TocsinError when trying again cannot help
   */
  readonly run: (options: {
    readonly signal: AbortSignal;
    readonly check: (stream: RequestStream) => Promise<'go' | 'wait'>;
    readonly handle: (message: RequestMessage) => Promise<Acknowledgement>;
  }) => Promise<void>;
};

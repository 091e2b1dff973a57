// The port to the queue of requests to deliver. A message only says where in the log its request is.

import type { StoredMessage } from '../../../projections/output.ts';
import type { ProcessReport } from '../due/process.ts';

export type RequestMessage = {
  readonly subject: string;
  readonly headers: ReadonlyMap<string, string>;
  /** Its sequence in the stream. */
  readonly sequence: bigint;
  /** Reads another message of the stream. Absent where nobody else can write the stream. */
  readonly readAt?: ((sequence: bigint) => Promise<StoredMessage | undefined>) | undefined;
};

/**
 * The answer to a message. `ack`: its delivery is recorded. `term`: the message is no request of this log
 * and is never redelivered. `nak`: redeliver after a delay.
 */
export type Acknowledgement = 'ack' | 'nak' | 'term';

/** The stream behind the queue; a log recognises its own output by it. */
export type RequestStream = { readonly stream: string; readonly created: string };

export type RequestQueue = {
  /**
   * Hands over each message of the real (never mock) notification requests, several at once, until the
   * signal. Each message comes at least once, until it is acknowledged. Reconnects without limit. Several
   * workers share the messages.
   *
   * @param options.check called after each connect, before the first message: hand over, or ask again
   *   later? What it throws ends the run
   * @param options.handle what it throws counts as `nak`
   * @param options.passed called after the check, and then again and again: every message up to this sequence is
   *   acknowledged, terminated, or no longer in the stream
   * @param options.report says when messages can arrive, and what keeps them from arriving
   * @throws TocsinError when another try cannot help
   */
  readonly run: (options: {
    readonly signal: AbortSignal;
    readonly check: (stream: RequestStream) => Promise<'go' | 'wait'>;
    readonly handle: (message: RequestMessage) => Promise<Acknowledgement>;
    readonly passed?: ((upTo: bigint) => Promise<void>) | undefined;
    readonly report?: ProcessReport | undefined;
  }) => Promise<void>;
};

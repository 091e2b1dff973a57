// The output port: where messages go. Its adapters are in src/adapters/nats, src/adapters/sqlite/messages and
// src/adapters/memory, and pass src/facade/contracts/output.ts.

/** A message as it goes out. Header names and values are ASCII. */
export type OutputMessage = {
  readonly subject: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly data: Uint8Array;
};

/** A message as the output stream holds it. */
export type StoredMessage = {
  readonly sequence: bigint;
  readonly subject: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly data: Uint8Array;
  /**
   * True when the stored bytes are exactly this message's: a quick comparison. When it is false or absent,
   * compare the parts.
   */
  readonly is?: (message: OutputMessage) => boolean;
};

/** The output stream's identity and extent. */
export type OutputInfo = {
  readonly stream: string;
  /** Creation time as the server states it; with the name it is the stream's identity. */
  readonly created: string;
  /** The text that a projector gave it at its creation: names the log whose output it is. */
  readonly description: string;
  readonly firstSequence: bigint;
  /** 0 when nothing was ever stored. */
  readonly lastSequence: bigint;
  /** Settings under which the fence does not hold, in words; empty for a safe stream. */
  readonly faults: readonly string[];
  /** Settings that are safe but inconvenient, in words. */
  readonly warnings: readonly string[];
};

/** Why a session ended. `fenced`: another projector of the partition publishes. */
export type OutputFailure =
  | { readonly kind: 'fenced'; readonly message: string }
  | { readonly kind: 'unavailable'; readonly message: string }
  | { readonly kind: 'rejected'; readonly message: string };

/** Thrown by a session's `publish`; the session is unusable afterwards. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
  readonly failure: OutputFailure;
  constructor(failure: OutputFailure, options?: ErrorOptions) {
    super(failure.message, options);
    this.failure = failure;
  }
}

/** One epoch's connection to the output stream. Acks of other epochs never count in it. */
export interface OutputSession extends AsyncDisposable {
  /** The stream as it is now, or `undefined` when there is none. */
  info(): Promise<OutputInfo | undefined>;
  /** Creates the stream with the settings that the fence needs. */
  create(description: string): Promise<OutputInfo>;
  /** One stored message, or `undefined` when it is gone. */
  read(sequence: bigint): Promise<StoredMessage | undefined>;
  /**
   * Stores `messages` at `firstSequence`, `firstSequence + 1`, … exactly, or fails. Calls may
   * overlap and are sent in the order of the calls; each resolves when its own messages and all
   * earlier ones are acknowledged at exactly their sequences. An empty list resolves at once.
   *
   * @throws OutputError for any failure, five seconds without progress included; then the session is over
   */
  publish(firstSequence: bigint, messages: readonly OutputMessage[]): Promise<void>;
}

/** The output: makes sessions. */
export type Output = {
  readonly stream: string;
  /**
   * Connects. @throws OutputError (`unavailable`) when there is no connection, TocsinError when the
   * server can never serve (no JetStream, wrong credentials).
   */
  connect(signal?: AbortSignal): Promise<OutputSession>;
};

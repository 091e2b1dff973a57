// The publishing half of a session as a state machine without I/O: messages sent and acknowledged, calls that wait, and
// the failure that ends it. It keeps one promise per call and one number per message.
import { OutputError, type OutputFailure, type OutputMessage } from '../../projections/output.ts';

export type PipelineHost = {
  /** Sends a message and returns its size in bytes; throws when the message cannot be sent. */
  readonly send: (message: OutputMessage, sequence: number) => number;
  /** Classifies an exception of `send`. */
  readonly sendFailure: (cause: unknown, sequence: number) => OutputFailure;
  /** Called once, when the pipeline ends; it sends nothing afterwards. */
  readonly onFailure: (failure: OutputFailure) => void;
};

type Call = {
  readonly last: number;
  readonly messages: readonly OutputMessage[];
  sent: number;
  readonly result: PromiseWithResolvers<void>;
};

/** Limit of unacknowledged messages. Servers from 2.11 refuse more than 10,000 waiting messages. */
const maxUnackedMessages = 8_192;
/** Bounds the memory of client and server; a long-distance connection at full speed holds less. */
const maxUnackedBytes = 8 * 1024 * 1024;
/** Encoding this many keeps the event loop's delay at a few milliseconds. */
const messagesPerTurn = 1_024;
const bytesPerTurn = 2 * 1024 * 1024;
/** Acknowledged bytes are counted in steps of this size, not per message. */
const messagesPerMark = 128;
const bytesPerMark = 256 * 1024;
/** The watchdog checks this often per interval. */
const checksPerStall = 10;
export class Pipeline {
  readonly #host: PipelineHost;
  readonly #stallAfterMs: number;
  /** Calls without a result, in order; `#sending` is the index of the first that is not fully sent. */
  readonly #calls: Call[] = [];
  #sending = 0;
  /** Last sequence accepted from a caller, handed to the socket, acknowledged without a gap. */
  #accepted = 0;
  #sent = 0;
  #acked = 0;
  /** Acks that arrived before an earlier one; a single server never sends acks out of order. */
  readonly #early = new Set<number>();
  #marks: { readonly last: number; readonly bytes: number }[] = [];
  #unackedBytes = 0;
  #turnWaiting = false;
  #watchdog: NodeJS.Timeout | undefined;
  #failure: OutputError | undefined;

  /** @param stallAfterMs milliseconds without an ack, while one is due, until the session counts as dead */
  constructor(host: PipelineHost, stallAfterMs: number) {
    this.#host = host;
    this.#stallAfterMs = stallAfterMs;
  }

  get failure(): OutputError | undefined {
    return this.#failure;
  }

  /** The last sequence acknowledged with all before it. */
  get acked(): number {
    return this.#acked;
  }

  /** See `OutputSession.publish`. The promise never counts as unhandled. */
  publish(firstSequence: bigint, messages: readonly OutputMessage[]): Promise<void> {
    const result: PromiseWithResolvers<void> = Promise.withResolvers();
    // A rejection that no caller awaits must not end the process.
    result.promise.catch(() => undefined);
    const first = Number(firstSequence);
    if (this.#failure === undefined && messages.length === 0) result.resolve();
    else if (this.#failure === undefined) this.#accept(first, messages, result);
    if (this.#failure !== undefined) result.reject(this.#failure);
    return result.promise;
  }

  #accept(
    first: number,
    messages: readonly OutputMessage[],
    result: PromiseWithResolvers<void>,
  ): void {
    if (!Number.isSafeInteger(first) || first < 1) {
      this.fail({ kind: 'rejected', message: `sequence ${first} is not a sequence` });
      return;
    }
    if (this.#calls.length === 0) {
      // No call is pending, so the caller may start at any sequence; the server's fence checks it.
      this.#accepted = this.#sent = this.#acked = first - 1;
    } else if (first !== this.#accepted + 1) {
      const message = `publishing at ${first} while ${this.#accepted} is the last pending`;
      this.fail({ kind: 'rejected', message });
      return;
    }
    this.#accepted += messages.length;
    this.#calls.push({ last: this.#accepted, messages, sent: 0, result });
    this.#watch();
    if (!this.#turnWaiting) this.#pump();
  }

  /** An ack of this epoch for exactly this sequence. */
  acknowledge(sequence: number): void {
    if (this.#failure !== undefined || sequence <= this.#acked) return;
    if (sequence > this.#sent || !Number.isSafeInteger(sequence)) {
      const message = `an ack came for ${sequence}, which was not sent`;
      this.fail({ kind: 'unavailable', message });
      return;
    }
    if (sequence !== this.#acked + 1) {
      this.#early.add(sequence);
      return;
    }
    this.#acked = sequence;
    if (this.#early.size > 0) {
      while (this.#early.delete(this.#acked + 1)) this.#acked += 1;
    }
    this.#resolveCalls();
  }

  /** Ends the pipeline: every pending and later call fails with this. Only the first failure counts. */
  fail(failure: OutputFailure, cause?: unknown): void {
    if (this.#failure !== undefined) return;
    const error = new OutputError(failure, cause === undefined ? undefined : { cause });
    this.#failure = error;
    clearInterval(this.#watchdog);
    for (const call of this.#calls.splice(0)) call.result.reject(error);
    this.#early.clear();
    this.#marks = [];
    this.#host.onFailure(failure);
  }

  #resolveCalls(): void {
    let call = this.#calls[0];
    while (call !== undefined && call.last <= this.#acked) {
      this.#calls.shift();
      this.#sending -= 1;
      call.result.resolve();
      call = this.#calls[0];
    }
    let mark = this.#marks[0];
    while (mark !== undefined && mark.last <= this.#acked) {
      this.#marks.shift();
      this.#unackedBytes -= mark.bytes;
      mark = this.#marks[0];
    }
    if (this.#calls.length === 0) {
      clearInterval(this.#watchdog);
      this.#watchdog = undefined;
    } else if (this.#sending < this.#calls.length && !this.#turnWaiting && this.#hasRoom()) {
      this.#pump();
    }
  }

  #hasRoom(): boolean {
    return this.#sent - this.#acked < maxUnackedMessages && this.#unackedBytes < maxUnackedBytes;
  }

  #pump(): void {
    let [messages, bytes] = [0, 0];
    while (this.#failure === undefined && this.#hasRoom()) {
      const call = this.#calls[this.#sending];
      if (call === undefined) return;
      bytes += this.#sendSome(call);
      messages += messagesPerMark;
      if (call.sent === call.messages.length) this.#sending += 1;
      if (messages >= messagesPerTurn || bytes >= bytesPerTurn) {
        this.#nextTurn();
        return;
      }
    }
  }

  /** A call with many thousands of messages must not block the host's event loop. */
  #nextTurn(): void {
    this.#turnWaiting = true;
    setImmediate(() => {
      this.#turnWaiting = false;
      this.#pump();
    });
  }

  #sendSome(call: Call): number {
    const end = Math.min(call.sent + messagesPerMark, call.messages.length);
    let bytes = 0;
    try {
      while (call.sent < end && bytes < bytesPerMark) {
        const message = call.messages[call.sent];
        if (message === undefined) break;
        bytes += this.#host.send(message, this.#sent + 1);
        call.sent += 1;
        this.#sent += 1;
      }
    } catch (cause) {
      this.fail(this.#host.sendFailure(cause, this.#sent + 1), cause);
      return bytes;
    }
    this.#marks.push({ last: this.#sent, bytes });
    this.#unackedBytes += bytes;
    return bytes;
  }

  #watch(): void {
    if (this.#watchdog !== undefined) return;
    let [seen, checks] = [this.#acked, 0];
    // Counts checks, not milliseconds: after a blocked event loop the acks that wait in the socket are read
    // before the interval has fired ten times.
    this.#watchdog = setInterval(() => {
      if (this.#acked !== seen) [seen, checks] = [this.#acked, 0];
      else if (++checks >= checksPerStall) {
        const message = `no ack after ${seen} for ${this.#stallAfterMs} ms`;
        this.fail({ kind: 'unavailable', message });
      }
    }, this.#stallAfterMs / checksPerStall);
  }
}

// The publishing half of a session as a state machine without I/O: what was sent, what is
// acknowledged, who waits for it, and when it is over. One promise per call, nothing per message
// but a number.
import { OutputError, type OutputFailure, type OutputMessage } from '../../projections/output.ts';

/** What the pipeline needs from outside. */
export type PipelineHost = {
  /** Hands a message to the socket and tells its size in bytes; throws when that is impossible. */
  readonly send: (message: OutputMessage, sequence: number) => number;
  /** Turns what `send` threw into the session's failure. */
  readonly sendFailure: (cause: unknown, sequence: number) => OutputFailure;
  /** Told once, when the pipeline is over; nothing is sent afterwards. */
  readonly onFailure: (failure: OutputFailure) => void;
};

type Call = {
  readonly last: number;
  readonly messages: readonly OutputMessage[];
  sent: number;
  readonly settled: PromiseWithResolvers<void>;
};

/** How much may be unacknowledged. Servers from 2.11 refuse more than 10,000 waiting messages. */
const maxUnackedMessages = 8_192;
/** Bounds the memory of client and server; more than a long line at full speed ever holds. */
const maxUnackedBytes = 8 * 1024 * 1024;
/** Encoding this many keeps the event loop's delay at a few milliseconds. */
const messagesPerTurn = 1_024;
const bytesPerTurn = 2 * 1024 * 1024;
/** Acknowledged bytes are counted in steps of this size, not per message. */
const messagesPerMark = 128;
const bytesPerMark = 256 * 1024;
/** The watchdog looks this often per interval. */
const looksPerStall = 10;

/** One epoch's publishes. */
export class Pipeline {
  readonly #host: PipelineHost;
  readonly #stallAfterMs: number;
  /** Calls that are not settled yet, in order; `#sending` is the index of the first unsent one. */
  readonly #calls: Call[] = [];
  #sending = 0;
  /** Last sequence accepted from a caller, handed to the socket, acknowledged without a gap. */
  #accepted = 0;
  #sent = 0;
  #acked = 0;
  /** Acks that overtook an earlier one; a single server never does that. */
  readonly #early = new Set<number>();
  #marks: { readonly last: number; readonly bytes: number }[] = [];
  #unackedBytes = 0;
  #turnWaiting = false;
  #watchdog: NodeJS.Timeout | undefined;
  #failure: OutputError | undefined;

  /** @param stallAfterMs without an ack, while one is due, until the session counts as dead */
  constructor(host: PipelineHost, stallAfterMs: number) {
    this.#host = host;
    this.#stallAfterMs = stallAfterMs;
  }

  /** Why it is over, if it is. */
  get failure(): OutputError | undefined {
    return this.#failure;
  }

  /** The last sequence acknowledged with all before it. */
  get acked(): number {
    return this.#acked;
  }

  /** See `OutputSession.publish`. The promise never counts as unhandled. */
  publish(firstSequence: bigint, messages: readonly OutputMessage[]): Promise<void> {
    const settled: PromiseWithResolvers<void> = Promise.withResolvers();
    // Nobody may be waiting when the session dies; that must not end the process.
    settled.promise.catch(() => undefined);
    const first = Number(firstSequence);
    if (this.#failure === undefined) this.#accept(first, messages, settled);
    if (this.#failure !== undefined) settled.reject(this.#failure);
    return settled.promise;
  }

  #accept(
    first: number,
    messages: readonly OutputMessage[],
    settled: PromiseWithResolvers<void>,
  ): void {
    if (!Number.isSafeInteger(first) || first < 1) {
      this.fail({ kind: 'rejected', message: `sequence ${first} is not a sequence` });
      return;
    }
    if (this.#calls.length === 0) {
      // Nothing is under way, so the caller may begin anywhere; the server's fence judges it.
      this.#accepted = this.#sent = this.#acked = first - 1;
    } else if (first !== this.#accepted + 1) {
      const message = `publishing at ${first} while ${this.#accepted} is the last under way`;
      this.fail({ kind: 'rejected', message });
      return;
    }
    this.#accepted += messages.length;
    if (this.#accepted === this.#acked) {
      settled.resolve();
      return;
    }
    this.#calls.push({ last: this.#accepted, messages, sent: 0, settled });
    this.#watch();
    if (!this.#turnWaiting) this.#pump();
  }

  /** An ack of this epoch for exactly this sequence. */
  acknowledge(sequence: number): void {
    if (this.#failure !== undefined || sequence <= this.#acked) return;
    if (sequence > this.#sent || !Number.isSafeInteger(sequence)) {
      this.fail({
        kind: 'unavailable',
        message: `an ack came for ${sequence}, which was not sent`,
      });
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
    this.#settle();
  }

  /** Ends it: every pending and later call fails with this. The first failure stays. */
  fail(failure: OutputFailure, cause?: unknown): void {
    if (this.#failure !== undefined) return;
    const error = new OutputError(failure, cause === undefined ? undefined : { cause });
    this.#failure = error;
    clearInterval(this.#watchdog);
    for (const call of this.#calls.splice(0)) call.settled.reject(error);
    this.#early.clear();
    this.#marks = [];
    this.#host.onFailure(failure);
  }

  #settle(): void {
    let call = this.#calls[0];
    while (call !== undefined && call.last <= this.#acked) {
      this.#calls.shift();
      this.#sending -= 1;
      call.settled.resolve();
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

  /** Lets others run; a call of many thousands must not hold the host's event loop. */
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
    let [seen, looks] = [this.#acked, 0];
    // Looks are counted, not milliseconds: after the host's event loop was blocked, acks that wait
    // in the socket are read before the interval can have fired ten times.
    this.#watchdog = setInterval(() => {
      if (this.#acked !== seen) [seen, looks] = [this.#acked, 0];
      else if (++looks >= looksPerStall) {
        const message = `no ack after ${seen} for ${this.#stallAfterMs} ms`;
        this.fail({ kind: 'unavailable', message });
      }
    }, this.#stallAfterMs / looksPerStall);
  }
}

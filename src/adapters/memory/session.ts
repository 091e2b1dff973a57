// A session of the in-memory output: it ends with its first failure, as a session of JetStream does.
import {
  OutputError,
  type OutputFailure,
  type OutputInfo,
  type OutputMessage,
  type OutputSession,
  type StoredMessage,
} from '../../projections/output.ts';

/** One stream; a recreated stream is another object. */
export class MemoryStream {
  readonly created: string;
  readonly description: string;
  /** The last purged sequence. */
  #base: bigint;
  #messages: StoredMessage[] = [];

  /** @param base the last sequence of messages that are purged already */
  constructor(created: string, description: string, base: bigint) {
    this.created = created;
    this.description = description;
    this.#base = base;
  }

  get messages(): readonly StoredMessage[] {
    return this.#messages;
  }

  get firstSequence(): bigint {
    return this.#base + 1n;
  }

  get lastSequence(): bigint {
    return this.#base + BigInt(this.#messages.length);
  }

  /** Copies the message, since its bytes belong to the caller. */
  store(message: OutputMessage): void {
    this.#messages.push({
      sequence: this.lastSequence + 1n,
      subject: message.subject,
      headers: new Map(message.headers),
      data: Uint8Array.from(message.data),
    });
  }

  read(sequence: bigint): StoredMessage | undefined {
    return this.#messages.find((message) => message.sequence === sequence);
  }

  dropLast(count: number): void {
    this.#messages = this.#messages.slice(0, Math.max(0, this.#messages.length - count));
  }

  purgeTo(sequence: bigint): void {
    const last = this.lastSequence;
    const base = sequence > last ? last : sequence;
    if (base <= this.#base) return;
    this.#messages = this.#messages.filter((message) => message.sequence > base);
    this.#base = base;
  }
}

/** The fault at a scripted message. */
export type PublishFault =
  /** The message is stored, its ack never comes, the session ends as `unavailable`. */
  | 'ack_lost'
  /** The message is not stored and the session ends with this; the fence refuses the messages after it. */
  | OutputFailure;

/** The state that the sessions of one output share. */
export type Shared = {
  readonly name: string;
  current: MemoryStream | undefined;
  readonly live: Set<RecordingSession>;
  readonly script: Map<bigint, PublishFault>;
  /** True while acks are held. */
  holding: boolean;
  /** How many messages the fence refused. */
  refused: number;
  faults: readonly string[];
  warnings: readonly string[];
  readonly make: (description: string) => MemoryStream;
};

type Call = {
  readonly result: PromiseWithResolvers<void>;
  /** The first failure among its messages. */
  readonly failure: OutputFailure | undefined;
};

export class RecordingSession implements OutputSession {
  readonly #shared: Shared;
  #pending: Call[] = [];
  #accepted = 0n;
  #failure: OutputError | undefined;

  constructor(shared: Shared) {
    this.#shared = shared;
    shared.live.add(this);
  }

  async info(): Promise<OutputInfo | undefined> {
    await this.#nextAnswer();
    const { current } = this.#shared;
    return current && this.#describe(current);
  }

  async create(description: string): Promise<OutputInfo> {
    await this.#nextAnswer();
    const current = (this.#shared.current ??= this.#shared.make(description));
    if (current.description === description) return this.#describe(current);
    const message = 'the stream cannot be created: its name is in use with other settings';
    throw new OutputError({ kind: 'rejected', message });
  }

  async read(sequence: bigint): Promise<StoredMessage | undefined> {
    await this.#nextAnswer();
    return this.#shared.current?.read(sequence);
  }

  publish(firstSequence: bigint, messages: readonly OutputMessage[]): Promise<void> {
    const result: PromiseWithResolvers<void> = Promise.withResolvers();
    // A rejection that no caller awaits must not end the process.
    result.promise.catch(() => undefined);
    if (this.#failure === undefined && messages.length === 0) result.resolve();
    else if (this.#failure === undefined) {
      const failure = this.#orderFailure(firstSequence) ?? this.#store(firstSequence, messages);
      this.#accepted = firstSequence + BigInt(messages.length) - 1n;
      this.#pending.push({ result, failure });
      // Acks come later, so that messages sent until then reach the stream, as over a network.
      queueMicrotask(() => {
        this.resolveCalls();
      });
    } else {
      result.reject(this.#failure);
    }
    return result.promise;
  }

  /** Resolves the pending calls, unless acks are held; failures are never held. */
  resolveCalls(): void {
    const failed = this.#pending.find(({ failure }) => failure !== undefined);
    while (!this.#shared.holding && this.#pending.length > 0 && this.#pending[0] !== failed) {
      this.#pending.shift()?.result.resolve();
    }
    if (failed?.failure !== undefined) this.end(failed.failure);
  }

  /** Ends the session; only the first failure counts. */
  end(failure: OutputFailure): void {
    if (this.#failure !== undefined) return;
    this.#failure = new OutputError(failure);
    this.#shared.live.delete(this);
    for (const { result } of this.#pending.splice(0)) result.reject(this.#failure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end({ kind: 'unavailable', message: 'the session was closed' });
    await Promise.resolve();
  }

  #orderFailure(first: bigint): OutputFailure | undefined {
    if (first < 1n) return { kind: 'rejected', message: `sequence ${first} is not a sequence` };
    if (this.#pending.length === 0 || first === this.#accepted + 1n) return undefined;
    const message = `publishing at ${first} while ${this.#accepted} is the last pending`;
    return { kind: 'rejected', message };
  }

  #store(first: bigint, messages: readonly OutputMessage[]): OutputFailure | undefined {
    let failure: OutputFailure | undefined;
    // A server checks each message on its own: after a refused message the next may have the right sequence.
    for (const [i, message] of messages.entries()) {
      const found = this.#storeOne(first + BigInt(i), message);
      failure ??= found;
    }
    return failure;
  }

  #storeOne(sequence: bigint, message: OutputMessage): OutputFailure | undefined {
    const { current, script } = this.#shared;
    const fault = script.get(sequence);
    script.delete(sequence);
    if (fault !== undefined && fault !== 'ack_lost') return fault;
    const refused = `message ${sequence} was refused`;
    if (current === undefined) {
      return { kind: 'unavailable', message: `${refused}: no stream takes its subject` };
    }
    if (current.lastSequence !== sequence - 1n) {
      this.#shared.refused += 1;
      return {
        kind: 'fenced',
        message: `${refused}: wrong last sequence: ${current.lastSequence}`,
      };
    }
    current.store(message);
    return fault && { kind: 'unavailable', message: `no ack after ${sequence - 1n}` };
  }

  /** Answers come asynchronously, as over a network, and fail after the session's end. */
  async #nextAnswer(): Promise<void> {
    await Promise.resolve();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #describe(stream: MemoryStream): OutputInfo {
    const { name, faults, warnings } = this.#shared;
    const { created, description, firstSequence, lastSequence } = stream;
    return { stream: name, created, description, firstSequence, lastSequence, faults, warnings };
  }
}

// One epoch of the in-memory output: ends with its first failure, like the real one.
import {
  OutputError,
  type OutputFailure,
  type OutputInfo,
  type OutputMessage,
  type OutputSession,
  type StoredMessage,
} from '../../projections/ports.ts';
import type { MemoryStream } from './stream.ts';

/** What goes wrong at a scripted message. */
export type PublishFault =
  /** The message is stored, its ack never comes, the session ends as `unavailable`. */
  | 'ack_lost'
  /** Neither the message nor anything after it in the session is stored. */
  | OutputFailure;

/** What the sessions of one output share. */
export type Shared = {
  readonly name: string;
  current: MemoryStream | undefined;
  readonly live: Set<RecordingSession>;
  readonly script: Map<bigint, PublishFault>;
  /** True while acks are kept back. */
  holding: boolean;
  /** How many messages the fence refused. */
  refused: number;
  faults: readonly string[];
  warnings: readonly string[];
  readonly make: (description: string) => MemoryStream;
};

export class RecordingSession implements OutputSession {
  readonly #shared: Shared;
  #pending: PromiseWithResolvers<void>[] = [];
  #accepted = 0n;
  #failure: OutputError | undefined;

  constructor(shared: Shared) {
    this.#shared = shared;
    shared.live.add(this);
  }

  async info(): Promise<OutputInfo | undefined> {
    await this.#answer();
    const { current } = this.#shared;
    return current && this.#describe(current);
  }

  async create(description: string): Promise<OutputInfo> {
    await this.#answer();
    const current = (this.#shared.current ??= this.#shared.make(description));
    if (current.description === description) return this.#describe(current);
    const message = 'the stream cannot be created: its name is in use with other settings';
    throw new OutputError({ kind: 'rejected', message });
  }

  async read(sequence: bigint): Promise<StoredMessage | undefined> {
    await this.#answer();
    return this.#shared.current?.read(sequence);
  }

  publish(firstSequence: bigint, messages: readonly OutputMessage[]): Promise<void> {
    const call: PromiseWithResolvers<void> = Promise.withResolvers();
    // Nobody may be waiting when the session dies; that must not end the process.
    call.promise.catch(() => undefined);
    if (this.#failure !== undefined) {
      call.reject(this.#failure);
      return call.promise;
    }
    const underWay = this.#pending.length > 0;
    this.#pending.push(call);
    if (firstSequence < 1n) {
      this.end({ kind: 'rejected', message: `sequence ${firstSequence} is not a sequence` });
    } else if (underWay && firstSequence !== this.#accepted + 1n) {
      const message = `publishing at ${firstSequence} while ${this.#accepted} is the last under way`;
      this.end({ kind: 'rejected', message });
    } else {
      this.#accepted = firstSequence + BigInt(messages.length) - 1n;
      this.#store(firstSequence, messages);
      if (!this.#shared.holding) this.settle();
    }
    return call.promise;
  }

  /** All acks kept back so far arrive. */
  settle(): void {
    for (const call of this.#pending.splice(0)) call.resolve();
  }

  /** Ends the session; the first failure stays. */
  end(failure: OutputFailure): void {
    if (this.#failure !== undefined) return;
    this.#failure = new OutputError(failure);
    this.#shared.live.delete(this);
    for (const call of this.#pending.splice(0)) call.reject(this.#failure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end({ kind: 'unavailable', message: 'the session was closed' });
    await Promise.resolve();
  }

  #store(first: bigint, messages: readonly OutputMessage[]): void {
    for (const [i, message] of messages.entries()) {
      const sequence = first + BigInt(i);
      const fault = this.#shared.script.get(sequence);
      this.#shared.script.delete(sequence);
      if (fault !== undefined && fault !== 'ack_lost') {
        this.end(fault);
        return;
      }
      const { current } = this.#shared;
      if (current === undefined) {
        const text = `message ${sequence} was refused: no stream takes its subject`;
        this.end({ kind: 'unavailable', message: text });
        return;
      }
      if (current.lastSequence !== sequence - 1n) {
        this.#shared.refused += messages.length - i;
        const text = `message ${sequence} was refused: wrong last sequence: ${current.lastSequence}`;
        this.end({ kind: 'fenced', message: text });
        return;
      }
      current.store(message);
      if (fault === 'ack_lost') {
        this.end({ kind: 'unavailable', message: `no ack after ${sequence - 1n}` });
        return;
      }
    }
  }

  /** Every answer comes later than its question, as over a wire, and none after the session's end. */
  async #answer(): Promise<void> {
    await Promise.resolve();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #describe(stream: MemoryStream): OutputInfo {
    const { name, faults, warnings } = this.#shared;
    const { created, description, firstSequence, lastSequence } = stream;
    return { stream: name, created, description, firstSequence, lastSequence, faults, warnings };
  }
}

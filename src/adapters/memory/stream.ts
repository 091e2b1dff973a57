// A JetStream stream in memory with the properties that the output port uses: sequences, purges and lost messages.
import type { OutputMessage, StoredMessage } from '../../projections/output.ts';

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

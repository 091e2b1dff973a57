// Compares the output stream with the messages that the log gives, both in order. Foreign messages move the
// sequences after them, and one inside a batch can move a message of ours to the end (publisher/sequence-map.ts).
// Every other message at a wrong sequence is a finding.
import type { PlannedMessage } from '../../dedupe/page.ts';
import { SIGNATURE_HEADER } from '../../message-signature.ts';
import { identityOf, type MessageIdentity } from '../../publisher/sequence-map.ts';
import type { StoredMessage } from '../../output.ts';
import type { CopiedPositions } from './copied-positions.ts';
import type { Findings } from './mismatches.ts';

/** No pipeline is further ahead, so a larger ordinal is not ours. */
const MAX_AHEAD = 16_384n;
/** Sequences of foreign messages that are remembered: more than one batch of ours can meet. */
const MAX_FOREIGN = 20_000;

/** Headers of the server, and the projector's signature, which depends on a key that an audit does not have. */
const UNCOMPARED = new RegExp(`^(?:Nats-|${SIGNATURE_HEADER}$)`);

export type StoredListOptions = {
  /** Message n has sequence base + n, before foreign messages move it. */
  readonly base: bigint;
  readonly firstSequence: bigint;
  /** Messages up to this ordinal were committed as stored. */
  readonly committed: bigint;
  /** The positions of messages that were sent before the log was copied. */
  readonly copied: CopiedPositions;
};

type Absent = { readonly message: PlannedMessage; readonly excused: boolean };

/** Compares message by message. Disposing it ends the read of the stream. */
export class StoredList implements AsyncDisposable {
  readonly #findings: Findings;
  readonly #committed: bigint;
  readonly #copied: CopiedPositions;
  readonly #firstSequence: bigint;
  readonly #pages: AsyncIterator<readonly StoredMessage[]> | undefined;
  #page: readonly StoredMessage[] = [];
  #at = 0;
  #isOver = false;
  /** The first ordinal that the stream holds; earlier messages cannot be checked. */
  #firstOrdinal: bigint | undefined;
  #base: bigint;
  readonly #absent = new Map<bigint, Absent>();
  readonly #foreign = new Set<bigint>();
  compared = 0;
  foreign = 0;
  late = 0;
  notVerifiable = 0;
  /** Ids of messages of the last call that the stream has discarded. */
  discarded = new Set<string>();

  constructor(
    stored: AsyncIterable<readonly StoredMessage[]> | undefined,
    options: StoredListOptions,
    findings: Findings,
  ) {
    this.#pages = stored?.[Symbol.asyncIterator]();
    this.#base = options.base;
    this.#firstSequence = options.firstSequence;
    this.#committed = options.committed;
    this.#copied = options.copied;
    this.#findings = findings;
  }

  /** Checks the next messages of the log; returns the sequences of those that the stream holds in order. */
  async expect(messages: readonly PlannedMessage[]): Promise<ReadonlyMap<string, bigint>> {
    const sequences = new Map<string, bigint>();
    this.discarded = new Set();
    for (const message of messages) {
      while (!this.#find(message, sequences)) await this.#refill();
    }
    return sequences;
  }

  /** Ends the comparison: messages beyond the last one of the log are extra. */
  async end(): Promise<void> {
    for (;;) {
      while (this.#at >= this.#page.length && !this.#isOver) await this.#refill();
      const next = this.#page[this.#at];
      if (next === undefined) break;
      this.#at += 1;
      const identity = identityOf(next);
      if (identity === undefined) this.foreign += 1;
      else this.#unexpected(next, identity);
    }
    for (const { message } of this.#absent.values()) this.#missing(message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pages?.return?.();
  }

  /** Finds the message at the next sequences; false when another page of the stream is needed. */
  #find(message: PlannedMessage, sequences: Map<string, bigint>): boolean {
    for (;;) {
      const next = this.#page[this.#at];
      if (next === undefined && !this.#isOver) return false;
      if (next !== undefined && this.#firstOrdinal === undefined) this.#rememberFirst(next);
      if (this.#isBefore(message.ordinal)) {
        this.notVerifiable += 1;
        this.discarded.add(message.id);
        return true;
      }
      if (next === undefined) {
        this.#missing(message);
        return true;
      }
      if (next.is?.(message.message) === true) {
        this.compared += 1;
        sequences.set(message.id, this.#accept(message, next));
        return true;
      }
      const identity = identityOf(next);
      if (identity === undefined) {
        this.#skipForeign(next.sequence);
      } else if (
        identity.ordinal === message.ordinal ||
        this.#isInPlaceOf(message, next, identity)
      ) {
        sequences.set(message.id, this.#accept(message, next));
        this.#compare(message, next);
        return true;
      } else if (identity.ordinal > message.ordinal) {
        const excused = this.#foreign.has(this.#base + message.ordinal);
        this.#absent.set(message.ordinal, { message, excused });
        return true;
      } else {
        this.#at += 1;
        this.#unexpected(next, identity);
      }
    }
  }

  #accept({ ordinal }: PlannedMessage, { sequence }: StoredMessage): bigint {
    this.#at += 1;
    this.#base = sequence - ordinal;
    return sequence;
  }

  /** True for a message that the stream has discarded. */
  #isBefore(ordinal: bigint): boolean {
    if (this.#firstOrdinal !== undefined) return ordinal < this.#firstOrdinal;
    const hasDiscarded = this.#firstSequence > this.#base + 1n;
    return hasDiscarded && this.#base + ordinal < this.#firstSequence;
  }

  /** True for this message with a changed ordinal. */
  #isInPlaceOf(message: PlannedMessage, stored: StoredMessage, identity: MessageIdentity): boolean {
    if (identity.id === message.id) return true;
    const ahead = identity.ordinal - message.ordinal > MAX_AHEAD;
    return ahead && stored.sequence === this.#base + message.ordinal;
  }

  #skipForeign(sequence: bigint): void {
    this.#at += 1;
    this.foreign += 1;
    this.#foreign.add(sequence);
    if (this.#foreign.size <= MAX_FOREIGN) return;
    for (const oldest of this.#foreign) {
      this.#foreign.delete(oldest);
      return;
    }
  }

  /** A message of ours out of order: it was moved to the end, or is extra. */
  #unexpected(stored: StoredMessage, identity: MessageIdentity): void {
    const absent = this.#absent.get(identity.ordinal);
    const where = `message ${stored.sequence} of the stream`;
    if (absent?.message.id !== identity.id) {
      const detail = `ordinal ${identity.ordinal}, ce-id ${identity.id}`;
      this.#findings.add('message_extra', where, detail);
      return;
    }
    this.#absent.delete(identity.ordinal);
    this.#compare(absent.message, stored);
    if (absent.excused) this.late += 1;
    else {
      const detail = `ordinal ${identity.ordinal} comes after a later one`;
      this.#findings.add('message_reordered', where, detail);
    }
  }

  #missing({ ordinal, id }: PlannedMessage): void {
    // Beyond the checkpoint it may be in flight.
    if (ordinal > this.#committed) return;
    const where = `message ${ordinal} of the log`;
    const detail = `ce-id ${id}, expected at sequence ${this.#base + ordinal}`;
    this.#findings.add('message_missing', where, detail);
  }

  #compare(expected: PlannedMessage, stored: StoredMessage): void {
    this.compared += 1;
    const detail = messageDifference(expected, stored, this.#copied);
    if (detail === undefined) return;
    const where = `message ${stored.sequence} of the stream (ordinal ${expected.ordinal}, ce-id ${expected.id})`;
    this.#findings.add('message_altered', where, detail);
  }

  async #refill(): Promise<void> {
    const next = await this.#pages?.next();
    this.#isOver = next === undefined || next.done === true;
    this.#page = next === undefined || next.done === true ? [] : next.value;
    this.#at = 0;
  }

  #rememberFirst(message: StoredMessage): void {
    const identity = identityOf(message);
    if (identity === undefined) return;
    this.#firstOrdinal = this.#firstSequence > this.#base + 1n ? identity.ordinal : 0n;
  }
}

/** The differences of a stored message; personal content is not quoted. */
function messageDifference(
  { message }: PlannedMessage,
  stored: StoredMessage,
  copied: CopiedPositions,
): string | undefined {
  const parts: string[] = [];
  if (stored.subject !== message.subject)
    parts.push(`subject: ${stored.subject}, not ${message.subject}`);
  let known = 0;
  for (const [name, value] of message.headers) {
    const found = stored.headers.get(name);
    if (found !== undefined) known += 1;
    if (found === value) continue;
    if (name === 'Tocsin-Position' && found !== undefined && copied.accepts(value, found)) continue;
    parts.push(`${name}: ${found ?? 'absent'}, not ${value}`);
  }
  if (stored.headers.size > known) {
    const names = new Set(message.headers.map(([name]) => name));
    for (const name of stored.headers.keys()) {
      if (!names.has(name) && !UNCOMPARED.test(name)) parts.push(`${name}: a header too many`);
    }
  }
  if (Buffer.compare(message.data, stored.data) !== 0) {
    parts.push(`body: ${stored.data.length} other bytes than the ${message.data.length} expected`);
  }
  return parts.length === 0 ? undefined : parts.join('; ');
}

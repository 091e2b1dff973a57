// The output stream against the list that the log decides, both in their order. A message has one place;
// strangers' messages move the places after them, and one that lands in a batch can send one of ours to
// the end (see runner/placement.ts). Everything else that is out of place is a finding.
import type { PlannedMessage } from '../../dedupe/page.ts';
import { identityOf, type MessageIdentity } from '../../publisher/sequence-map.ts';
import type { StoredMessage } from '../../output.ts';
import type { Findings } from './mismatches.ts';

/** Further ahead than any pipeline: such an ordinal is not one of ours. */
const MAX_AHEAD = 16_384n;
/** Strangers' places that are remembered: as many as a batch of ours can have met. */
const MAX_FOREIGN = 20_000;

/** Headers that the publisher adds for the server. */
const SERVER_HEADERS = /^Nats-/;

export type StoredListOptions = {
  /** Message n has sequence base + n, before strangers move it. */
  readonly base: bigint;
  /** The first sequence that the stream holds. */
  readonly firstSequence: bigint;
  /** Messages up to this ordinal were committed as stored. */
  readonly committed: bigint;
};

type Absent = { readonly message: PlannedMessage; readonly excused: boolean };

/** Compares message by message. Disposing it lets go of the stream, however far it was read. */
export class StoredList implements AsyncDisposable {
  readonly #findings: Findings;
  readonly #committed: bigint;
  readonly #firstSequence: bigint;
  readonly #pages: AsyncIterator<readonly StoredMessage[]>;
  #page: readonly StoredMessage[] = [];
  #at = 0;
  #isOver = false;
  /** Where the list began to be readable; nothing before it can be said anything about. */
  #firstOrdinal: bigint | undefined;
  #base: bigint;
  readonly #absent = new Map<bigint, Absent>();
  readonly #foreign = new Set<bigint>();
  compared = 0;
  foreign = 0;
  late = 0;
  notVerifiable = 0;

  constructor(
    stored: AsyncIterable<readonly StoredMessage[]>,
    options: StoredListOptions,
    findings: Findings,
  ) {
    this.#pages = stored[Symbol.asyncIterator]();
    this.#base = options.base;
    this.#firstSequence = options.firstSequence;
    this.#committed = options.committed;
    this.#findings = findings;
  }

  /** The next messages of the list; the sequences of those that are at their places. */
  async expect(messages: readonly PlannedMessage[]): Promise<ReadonlyMap<string, bigint>> {
    const places = new Map<string, bigint>();
    for (const message of messages) {
      while (!this.#find(message, places)) await this.#refill();
    }
    return places;
  }

  /** The list is over: what is stored beyond it has no reason. */
  async end(): Promise<void> {
    for (;;) {
      while (this.#at >= this.#page.length && !this.#isOver) await this.#refill();
      const next = this.#page[this.#at];
      if (next === undefined) break;
      this.#at += 1;
      const stamp = identityOf(next);
      if (stamp === undefined) this.foreign += 1;
      else this.#unexpected(next, stamp);
    }
    for (const { message } of this.#absent.values()) this.#missing(message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pages.return?.();
  }

  /** Looks for the message where the stream goes on; false when more of the stream is needed for it. */
  #find(message: PlannedMessage, places: Map<string, bigint>): boolean {
    for (;;) {
      const next = this.#page[this.#at];
      if (next === undefined && !this.#isOver) return false;
      if (next !== undefined && this.#firstOrdinal === undefined) this.#firstSeen(next);
      if (this.#isBefore(message.ordinal)) {
        this.notVerifiable += 1;
        return true;
      }
      if (next === undefined) {
        this.#missing(message);
        return true;
      }
      if (next.is?.(message.message) === true) {
        this.compared += 1;
        places.set(message.id, this.#place(message, next));
        return true;
      }
      const stamp = identityOf(next);
      if (stamp === undefined) {
        this.#stranger(next.sequence);
      } else if (stamp.ordinal === message.ordinal || this.#isInPlaceOf(message, next, stamp)) {
        places.set(message.id, this.#place(message, next));
        this.#compare(message, next);
        return true;
      } else if (stamp.ordinal > message.ordinal) {
        const excused = this.#foreign.has(this.#base + message.ordinal);
        this.#absent.set(message.ordinal, { message, excused });
        return true;
      } else {
        this.#at += 1;
        this.#unexpected(next, stamp);
      }
    }
  }

  #place({ ordinal }: PlannedMessage, { sequence }: StoredMessage): bigint {
    this.#at += 1;
    this.#base = sequence - ordinal;
    return sequence;
  }

  /** What the stream no longer keeps can be neither right nor wrong. */
  #isBefore(ordinal: bigint): boolean {
    if (this.#firstSequence <= this.#base + 1n && this.#firstOrdinal === undefined) return false;
    if (this.#firstOrdinal !== undefined) return ordinal < this.#firstOrdinal;
    return this.#base + ordinal < this.#firstSequence;
  }

  /** Recognised although its number was changed. */
  #isInPlaceOf(message: PlannedMessage, stored: StoredMessage, stamp: MessageIdentity): boolean {
    if (stamp.id === message.id) return true;
    const ahead = stamp.ordinal - message.ordinal > MAX_AHEAD;
    return ahead && stored.sequence === this.#base + message.ordinal;
  }

  #stranger(sequence: bigint): void {
    this.#at += 1;
    this.foreign += 1;
    this.#foreign.add(sequence);
    if (this.#foreign.size <= MAX_FOREIGN) return;
    for (const oldest of this.#foreign) {
      this.#foreign.delete(oldest);
      return;
    }
  }

  /** Not the next of the list: one that was late, or one too many. */
  #unexpected(stored: StoredMessage, stamp: MessageIdentity): void {
    const absent = this.#absent.get(stamp.ordinal);
    const where = `message ${stored.sequence} of the stream`;
    if (absent?.message.id !== stamp.id) {
      const detail = `ordinal ${stamp.ordinal}, ce-id ${stamp.id}`;
      this.#findings.add('message_extra', where, detail);
      return;
    }
    this.#absent.delete(stamp.ordinal);
    this.#compare(absent.message, stored);
    if (absent.excused) this.late += 1;
    else {
      const detail = `ordinal ${stamp.ordinal} comes after a later one`;
      this.#findings.add('message_reordered', where, detail);
    }
  }

  #missing({ ordinal, id }: PlannedMessage): void {
    // Beyond the checkpoint it may be on its way.
    if (ordinal > this.#committed) return;
    const where = `message ${ordinal} of the list`;
    const detail = `ce-id ${id}, expected at sequence ${this.#base + ordinal}`;
    this.#findings.add('message_missing', where, detail);
  }

  #compare(expected: PlannedMessage, stored: StoredMessage): void {
    this.compared += 1;
    const detail = messageDifference(expected, stored);
    if (detail === undefined) return;
    const where = `message ${stored.sequence} of the stream (ordinal ${expected.ordinal}, ce-id ${expected.id})`;
    this.#findings.add('message_altered', where, detail);
  }

  async #refill(): Promise<void> {
    const next = await this.#pages.next();
    this.#isOver = next.done === true;
    this.#page = next.done === true ? [] : next.value;
    this.#at = 0;
  }

  #firstSeen(message: StoredMessage): void {
    const stamp = identityOf(message);
    if (stamp === undefined) return;
    this.#firstOrdinal = this.#firstSequence > this.#base + 1n ? stamp.ordinal : 0n;
  }
}

/** What differs between a message as the log makes it and as it is stored; personal content is not quoted. */
export function messageDifference(
  { message }: PlannedMessage,
  stored: StoredMessage,
): string | undefined {
  const parts: string[] = [];
  if (stored.subject !== message.subject)
    parts.push(`subject: ${stored.subject}, not ${message.subject}`);
  let known = 0;
  for (const [name, value] of message.headers) {
    const found = stored.headers.get(name);
    if (found !== undefined) known += 1;
    if (found !== value) parts.push(`${name}: ${found ?? 'absent'}, not ${value}`);
  }
  if (stored.headers.size > known) {
    const names = new Set(message.headers.map(([name]) => name));
    for (const name of stored.headers.keys()) {
      if (!names.has(name) && !SERVER_HEADERS.test(name)) parts.push(`${name}: a header too many`);
    }
  }
  if (Buffer.compare(message.data, stored.data) !== 0) {
    parts.push(`body: ${stored.data.length} other bytes than the ${message.data.length} expected`);
  }
  return parts.length === 0 ? undefined : parts.join('; ');
}

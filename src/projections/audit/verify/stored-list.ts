// Compares the output stream with the messages that the log gives, both in order. Foreign messages move the
// sequences after them, and one inside a batch can move a message of ours to the end (publisher/sequence-map.ts).
// Every other message at a wrong sequence is a finding.
import { GENESIS_DIGEST, nextDigest } from '../../dedupe/messages.ts';
import type { PlannedMessage } from '../../dedupe/page.ts';
import { identityOf, type MessageIdentity } from '../../publisher/sequence-map.ts';
import type { StoredMessage } from '../../output.ts';
import type { CopiedPositions } from './copied-positions.ts';
import { messageDifference, numbered, sourceOf } from './message-difference.ts';
import type { Findings } from './mismatches.ts';

/** No pipeline is further ahead, so a larger ordinal is not ours. */
const MAX_AHEAD = 16_384n;
/** Sequences of foreign messages that are remembered: more than one batch of ours can meet. */
const MAX_FOREIGN = 20_000;

/** How many messages ahead a message is looked for that is not where it should be. */
const LOOK_AHEAD = 1_024;
/** Messages without an event that are remembered, because their events may come later in the log. */
const MAX_UNEXPLAINED = 1_000;

export type StoredListOptions = {
  /** Message n has sequence base + n, before foreign messages move it. */
  readonly base: bigint;
  readonly firstSequence: bigint;
  /** Messages up to this ordinal were committed as stored. */
  readonly committed: bigint;
  /** The sequence that the read model says they reached. */
  readonly committedSequence?: bigint;
  /** The positions of messages that were sent before the log was copied. */
  readonly copied: CopiedPositions;
};

type Absent = { readonly message: PlannedMessage; readonly excused: boolean };

/** Compares message by message. Disposing it ends the read of the stream. */
export class StoredList implements AsyncDisposable {
  readonly #findings: Findings;
  readonly #options: StoredListOptions;
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
  /** How much higher the stream counts than the log, since an event was removed from the log or put into it. */
  #shift = 0n;
  /** True since the chains of digests of log and stream are two. */
  #isShifted = false;
  /** The digest of the last message; undefined before the first. */
  #digest: string | undefined;
  #lastOrdinal: bigint | undefined;
  readonly #unexplained = new Map<string, StoredMessage>();
  /** Messages of the log that were not sent where they should have been, by their ids; the events that they name. */
  readonly #unsent = new Map<string, string>();
  /** The sequence of the last committed message, when the stream holds it in order. */
  #reached: bigint | undefined;
  #firstBeyond: bigint | undefined;
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
    this.#options = options;
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
    if (this.#digest === undefined && messages[0]?.ordinal === 1n) this.#pass(0n, GENESIS_DIGEST);
    for (const [at, planned] of messages.entries()) {
      for (;;) {
        const message = this.#isShifted ? this.#rechained(planned) : planned;
        const found = this.#find(message, sequences);
        if (found === 'done') break;
        if (found === 'more') await this.#refill();
        else if ((await this.#explain(message, messages.slice(at + 1), found)) === 'unsent') break;
      }
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
      else if (this.#isNext(identity) && identity.ordinal <= this.#committed)
        this.#noEvent(next, identity);
      else this.#unexpected(next, identity);
    }
    for (const stored of this.#unexplained.values()) this.#eventMissing(stored);
    for (const [id, event] of this.#unsent) this.#eventAdded(id, event);
    this.#checkSequence();
    for (const { message } of this.#absent.values()) this.#missing(message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pages?.return?.();
  }

  /**
   * Finds the message at the next sequences.
   * @returns the identity of another message where this one should be
   */
  #find(
    message: PlannedMessage,
    sequences: Map<string, bigint>,
  ): 'done' | 'more' | MessageIdentity {
    for (;;) {
      const next = this.#page[this.#at];
      if (next === undefined && !this.#isOver) return 'more';
      if (next !== undefined && this.#firstOrdinal === undefined) this.#rememberFirst(next);
      if (this.#isBefore(message.ordinal)) {
        this.notVerifiable += 1;
        this.discarded.add(message.id);
        this.#pass(message.ordinal, message.digest);
        return 'done';
      }
      if (next === undefined) {
        this.#missing(message);
        return 'done';
      }
      if (next.is?.(message.message) === true) {
        this.compared += 1;
        sequences.set(message.id, this.#accept(message, next));
        return 'done';
      }
      const identity = identityOf(next);
      if (identity === undefined) {
        this.#skipForeign(next.sequence);
      } else if (this.#isAnother(message, next, identity)) {
        return identity;
      } else if (this.#isAfterRemoved(message, identity)) {
        sequences.set(message.id, this.#acceptAfterRemoved(message, next, identity));
        return 'done';
      } else if (
        identity.ordinal === message.ordinal ||
        this.#isInPlaceOf(message, next, identity)
      ) {
        sequences.set(message.id, this.#accept(message, next));
        this.#compare(message, next);
        return 'done';
      } else if (identity.ordinal > message.ordinal) {
        const excused = this.#foreign.has(this.#base + message.ordinal);
        this.#absent.set(message.ordinal, { message, excused });
        return 'done';
      } else {
        this.#at += 1;
        this.#unexpected(next, identity);
      }
    }
  }

  #accept({ ordinal, digest }: PlannedMessage, { sequence }: StoredMessage): bigint {
    this.#at += 1;
    this.#base = sequence - ordinal;
    this.#pass(ordinal, digest);
    if (ordinal === this.#committed) this.#reached = sequence;
    else if (ordinal > this.#committed) this.#firstBeyond ??= sequence;
    return sequence;
  }

  #pass(ordinal: bigint, digest: string): void {
    this.#lastOrdinal = ordinal;
    this.#digest = digest;
  }

  /** The message as the stream's own chain and numbers give it. */
  #rechained(planned: PlannedMessage): PlannedMessage {
    const ordinal = planned.ordinal + this.#shift;
    return numbered(planned, ordinal, nextDigest(this.#digest ?? '', planned.id));
  }

  /** True for the message that the chain of digests has after the last one. */
  #isNext({ ordinal, id, digest }: MessageIdentity): boolean {
    if (this.#digest === undefined || this.#lastOrdinal === undefined) return true;
    return ordinal === this.#lastOrdinal + 1n && nextDigest(this.#digest, id) === digest;
  }

  /** True for a message that was sent where this one should be: log and stream differ in their events. */
  #isAnother(message: PlannedMessage, stored: StoredMessage, identity: MessageIdentity): boolean {
    if (identity.ordinal !== message.ordinal || identity.id === message.id) return false;
    return this.#isNext(identity) && stored.headers.get('Tocsin-Ordinal') !== undefined;
  }

  /** True for this message with a later number and another digest: messages were removed from stream and log alike. */
  #isAfterRemoved(message: PlannedMessage, { ordinal, id, digest }: MessageIdentity): boolean {
    if (id !== message.id || ordinal <= message.ordinal || digest === message.digest) return false;
    return this.#lastOrdinal === undefined || ordinal > this.#lastOrdinal;
  }

  #acceptAfterRemoved(
    message: PlannedMessage,
    stored: StoredMessage,
    { ordinal, digest }: MessageIdentity,
  ): bigint {
    const removed = ordinal - message.ordinal;
    const detail = `the stream lacks ${removed} messages before its message ${stored.sequence}, and the log does not have their events`;
    this.#findings.add('event_missing', `before ${sourceOf(message.message.headers)}`, detail);
    this.#isShifted = true;
    this.#shift += removed;
    const sequence = this.#accept({ ...message, ordinal, digest }, stored);
    const asStored = numbered(message, ordinal, digest);
    this.#compare(asStored, stored);
    return sequence;
  }

  /**
   * Finds out why the stream has another message: its event was removed from the log, or the event of this message was
   * put into the log.
   * @param ahead the messages of the log after this one, as far as they are known
   * @returns `unsent` when the stream does not have this message
   */
  async #explain(
    message: PlannedMessage,
    ahead: readonly PlannedMessage[],
    identity: MessageIdentity,
  ): Promise<'unsent' | 'again'> {
    this.#isShifted = true;
    const moved = this.#unexplained.get(message.id);
    if (moved !== undefined) {
      this.#unexplained.delete(message.id);
      this.#findings.add(
        'event_moved',
        sourceOf(message.message.headers),
        `its message was sent earlier, as message ${moved.sequence} of the stream`,
      );
      this.#shift -= 1n;
      return 'unsent';
    }
    const stored = this.#page[this.#at];
    const isSameEvent =
      stored !== undefined && sourceOf([...stored.headers]) === sourceOf(message.message.headers);
    const isStoredLater = ahead.some(({ id }) => id === identity.id);
    if (stored !== undefined && !isStoredLater) {
      if (isSameEvent) {
        this.#at += 1;
        this.#noEvent(stored, identity, isSameEvent);
        return 'unsent';
      }
      if (await this.#isAhead(message)) {
        this.#at += 1;
        this.#noEvent(stored, identity);
        this.#shift += 1n;
        return 'again';
      }
    }
    if (this.#unsent.size < MAX_UNEXPLAINED)
      this.#unsent.set(message.id, sourceOf(message.message.headers));
    else this.#eventAdded(message.id, sourceOf(message.message.headers));
    this.#shift -= 1n;
    return 'unsent';
  }

  async #isAhead({ id }: PlannedMessage): Promise<boolean> {
    for (let at = this.#at + 1; at <= this.#at + LOOK_AHEAD; at += 1) {
      while (at >= this.#page.length && !this.#isOver) await this.#append();
      const stored = this.#page[at];
      if (stored === undefined) return false;
      if (identityOf(stored)?.id === id) return true;
    }
    return false;
  }

  #noEvent(stored: StoredMessage, identity: MessageIdentity, isChanged = false): void {
    this.#pass(identity.ordinal, identity.digest);
    this.#base = stored.sequence - identity.ordinal;
    if (isChanged) {
      const detail = `message ${stored.sequence} of the stream was made of an event with another id`;
      this.#findings.add('event_changed', sourceOf([...stored.headers]), detail);
    } else if (this.#unsent.delete(identity.id)) {
      const detail = `message ${stored.sequence} of the stream was sent later`;
      this.#findings.add('event_moved', sourceOf([...stored.headers]), detail);
    } else if (this.#unexplained.size < MAX_UNEXPLAINED) this.#unexplained.set(identity.id, stored);
    else this.#eventMissing(stored);
  }

  #eventAdded(id: string, event: string): void {
    const detail = `the stream has no message of it, and messages of later events: ce-id ${id}`;
    this.#findings.add('event_added', event, detail);
  }

  #eventMissing(stored: StoredMessage): void {
    const id = stored.headers.get('ce-id') ?? '';
    const detail = `the log does not have it, and message ${stored.sequence} of the stream was made of it (ce-id ${id})`;
    this.#findings.add('event_missing', sourceOf([...stored.headers]), detail);
  }

  /** The sequence up to which the read model has committed must be that of the last committed message. */
  #checkSequence(): void {
    const { committedSequence: found } = this.#options;
    const reached = this.#reached;
    if (found === undefined || reached === undefined) return;
    const isMoved =
      found < reached ||
      (this.#firstBeyond !== undefined && found >= this.#firstBeyond) ||
      (this.foreign === 0 && found !== reached);
    if (!isMoved) return;
    const detail = `sequence: ${found}, not ${reached}`;
    this.#findings.add('checkpoint_changed', 'the checkpoint', detail);
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
    this.#page = this.#page.slice(this.#at);
    this.#at = 0;
    await this.#append();
  }

  async #append(): Promise<void> {
    const next = await this.#pages?.next();
    this.#isOver = next === undefined || next.done === true;
    if (next === undefined || next.done === true) return;
    this.#page = this.#page.length === 0 ? next.value : [...this.#page, ...next.value];
  }

  #rememberFirst(message: StoredMessage): void {
    const identity = identityOf(message);
    if (identity === undefined) return;
    this.#firstOrdinal = this.#firstSequence > this.#base + 1n ? identity.ordinal : 0n;
  }
}
